"""The folder that Sphinx builds from: pages made of the README, the notebooks and the library."""

import shutil
from pathlib import Path

import nbformat
from explore_figure import explore_figure
from front import Card, card, front_page
from ledger_rows import datatables, ledger_page, ledger_rows
from notebook_pages import EXPLORE, page
from reference import group_page, groups
from texts import relinked, sections, settings_page, without_comments

import batchlab

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LEDGER = "11-claims"


def stage(source: Path, notebooks: Path) -> None:
    """Write all that Sphinx needs into a folder.

    Parameters
    ----------
    source : pathlib.Path
        An empty folder.
    notebooks : pathlib.Path
        The folder of the executed notebooks.

    Raises
    ------
    OSError, ValueError
        If something is missing or not as expected.
    """
    shutil.copytree(DOCS, source, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "_static" / "datatables.js").write_text(datatables(), encoding="utf-8")
    paths = sorted(notebooks.glob("[0-9]*.ipynb")) + sorted(notebooks.glob(f"{EXPLORE}.ipynb"))
    (source / "notebooks").mkdir()
    # The output of the live explorer is a widget, which is not stored.
    instead = {EXPLORE: explore_figure()}
    for path in paths:
        shown = page(path, instead.get(path.stem))
        nbformat.write(shown, source / "notebooks" / path.name)
    _write(source / "notebooks" / "params.md", settings_page(notebooks / "params"))
    reference = groups(DOCS / "reference.toml", batchlab.__all__)
    for name, group in reference.items():
        _write(source / "reference" / f"{name}.rst", group_page(group))
    cards = [card(path, instead.get(path.stem)) for path in paths]
    _texts(source, notebooks, cards, reference)


def _texts(source: Path, notebooks: Path, cards: list[Card], reference: dict[str, dict]) -> None:
    """Write the pages that the README and its neighbours say, with links to the other pages."""
    above, parts = sections(_read(ROOT / "README.md"))
    (judged,) = (part for part in parts if "<!-- ledger:" in part)
    pictured = above.replace("(notebooks/flavours.png)", "(figures/flavours.png)")
    contents = {
        "Look": ["Explorer <explorer>", "ledger"],
        "Notebooks": [*(f"notebooks/{one.name}" for one in cards), "notebooks/params"],
        "Use": ["run", "architecture", "contributing", "changelog"],
        "Reference": [f"reference/{name}" for name in reference],
    }
    texts = {
        "index.md": front_page(pictured, cards, contents=contents),
        "ledger.md": ledger_page(ledger_rows(notebooks / f"{LEDGER}.ipynb"), judged),
        "run.md": "\n".join(["# Run it yourself\n", *(part for part in parts if part != judged)]),
        "architecture.md": _read(DOCS / "architecture.md"),
        "contributing.md": _read(ROOT / "CONTRIBUTING.md"),
        "changelog.md": _read(ROOT / "CHANGELOG.md"),
    }
    for name, text in texts.items():
        linked = relinked(
            without_comments(text), lambda path: path in texts or (source / path).is_file()
        )
        _write(source / name, linked)
    (source / "figures").mkdir()
    shutil.copy(notebooks / "flavours.png", source / "figures")
    for one in cards:
        if one.png:
            (source / "figures" / f"{one.name}.png").write_bytes(one.png)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
