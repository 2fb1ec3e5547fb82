"""The front page: the README's question and results, and a card for each notebook."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from figures import Figure, figures

from batchlab.runner.catalogue import read_notebook
from batchlab.runner.headings import first_sentence

# The figures that answer best, by what their cells call; elsewhere it is the first one.
_TELLING = {
    "04-minibatch": "plot_comparison(histories)",
    "05-batch-sizes": "plot_against(panels",
}

_BUTTONS = {"explorer": "Explorer", "ledger": "The ledger", "run": "Run it yourself"}


@dataclass(frozen=True)
class Card:
    """What the front page says of a notebook.

    Parameters
    ----------
    name, title, question, answer : str
        The answer is a sentence, or nothing.
    png : bytes or None
    alt : str
        What the picture shows.
    """

    name: str
    title: str
    question: str
    answer: str
    png: bytes | None
    alt: str


def card(path: Path, instead: Figure | None = None) -> Card:
    """Return the card of a notebook.

    Parameters
    ----------
    path : pathlib.Path
    instead : Figure or None
        For a notebook without figures of its own.

    Returns
    -------
    Card
    """
    notebook = read_notebook(path)
    title, paragraph = notebook.heading
    drawn = list(figures(nbformat.read(path, as_version=4)))
    told = [one for one in drawn if _TELLING.get(notebook.name, "") in one.code]
    chosen = next(iter(told or drawn), instead)
    _, _, below = paragraph.rpartition("**")
    return Card(
        name=notebook.name,
        title=title,
        question=notebook.question,
        answer=first_sentence(below) if "**" in paragraph else "",
        png=chosen.png if chosen else None,
        alt=chosen.alt if chosen else "",
    )


def front_page(above: str, cards: list[Card], *, contents: dict[str, list[str]]) -> str:
    """Return the front page, and with it the table of contents.

    Parameters
    ----------
    above : str
        The README's text above its first section.
    cards : list of Card
    contents : dict of str to list of str
        All other pages, as a toctree takes them, by the caption that they stand under.

    Returns
    -------
    str
        Markdown.
    """
    shown = "\n".join(map(_shown, cards))
    trees = "\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n"
        for caption, names in contents.items()
    )
    buttons = "\n".join(
        f"```{{button-ref}} {name}\n:color: primary\n:outline:\n{text}\n```"
        for name, text in _BUTTONS.items()
    )
    return (
        f"---\nhide-toc: true\n---\n\n# batchlab\n\n{above.strip()}\n\n"
        f":::{{div}} ways\n{buttons}\n:::\n\n## The notebooks\n\n"
        f"::::{{grid}} 1 2 2 2\n:gutter: 3\n:class-container: notebooks\n\n{shown}::::\n\n{trees}"
    )


def _shown(card: Card) -> str:
    options = {"link": f"notebooks/{card.name}", "link-type": "doc", "link-alt": card.title}
    if card.png:
        options |= {"img-top": f"figures/{card.name}.png", "img-alt": card.alt}
    listed = "".join(
        f":{name}: {json.dumps(text, ensure_ascii=False)}\n" for name, text in options.items()
    )
    number = re.match(r"\d+", card.name)
    title = f"{number[0]} · {card.title}" if number else card.title
    body = "\n\n".join(filter(None, [f"**{card.question}**", card.answer]))
    return f":::{{grid-item-card}} {title}\n{listed}\n{body}\n:::\n"
