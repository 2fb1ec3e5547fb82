"""Figures of notebooks, and the text that stands for each where it cannot be seen."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from batchlab.runner.headings import first_sentence, plain

_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Figure:
    """A stored figure.

    Parameters
    ----------
    png : bytes
    alt : str
        What it shows.
    code : str
        Of the cell that drew it.
    output : dict
        As it is stored.
    """

    png: bytes
    alt: str
    code: str
    output: Mapping


def figures(notebook: Mapping) -> Iterator[Figure]:
    """Yield the figures of a notebook, each with a text of its own.

    Parameters
    ----------
    notebook : mapping
        As nbformat reads it.

    Yields
    ------
    Figure
        The text is the one stored beside the picture; where there is none, the title, the heading
        above it and the first sentence that leads to it.
    """
    title, heading, lead, given = "", "", "", set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            found = list(_HEADING.finditer(cell["source"]))
            title = title or (plain(found[0][1]) if found else "")
            heading = plain(found[-1][1]) if found else heading
            lead = first_sentence(cell["source"][found[-1].end() if found else 0 :])
        for output in cell.get("outputs", ()):
            if "image/png" not in output.get("data", {}):
                continue
            stored = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            place = ", ".join(dict.fromkeys(filter(None, [title, heading])))
            alt = " ".join(stored.split()) or f"{place}: {lead}".strip(": ")
            alt = _another(alt, given)
            given.add(alt)
            png = base64.b64decode(output["data"]["image/png"])
            yield Figure(png, alt, cell["source"], output)


def _another(text: str, given: set[str]) -> str:
    """Return a text that no other figure of the notebook has."""
    numbered = (f"{text} (figure {number})" for number in count(2))
    return text if text not in given else next(one for one in numbered if one not in given)
