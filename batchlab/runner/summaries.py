"""What there is to say of an executed notebook, which may be a stranger's.

Its file is read as JSON: nbformat would log and warn of what is not as it must be, and fail in many
ways.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchlab.runner.headings import first_sentence, heading
from batchlab.runner.manifest import is_seconds

# What a PNG begins with. What else is called one would be a broken image.
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Summary:
    """What the index says of one notebook."""

    name: str
    title: str
    line: str
    png: str | None
    seconds: float | None


def executed_notebook(output_dir: Path, name: str) -> Mapping | None:
    """Return an executed notebook, or None if there is none that has cells.

    Parameters
    ----------
    output_dir : pathlib.Path
        The folder of executed notebooks.
    name : str
        Its file name without the ending.

    Returns
    -------
    mapping or None
    """
    try:
        notebook = json.loads((output_dir / f"{name}.ipynb").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return notebook if isinstance(_mapping(notebook).get("cells"), list) else None


def summarize(notebook: Mapping, name: str) -> Summary:
    """Return what the index says of an executed notebook.

    Parameters
    ----------
    notebook : mapping
        The executed notebook, as nbformat or JSON reads it. It may be a stranger's: what is not as
        it must be in a notebook is taken as absent.
    name : str
        Its file name without the ending.

    Returns
    -------
    Summary
        Its first heading, the sentence below that, its first figure and its seconds.
    """
    markdown = (cell for cell in _cells_in(notebook) if cell.get("cell_type") == "markdown")
    title, paragraph = heading(_lines_joined(next(markdown, {}).get("source")), name)
    seconds = _mapping(_mapping(notebook.get("metadata")).get("papermill")).get("duration")
    return Summary(
        name=name,
        title=title,
        line=first_sentence(paragraph),
        png=next(_figures(notebook), None),
        seconds=seconds if is_seconds(seconds) else None,
    )


def _figures(notebook: Mapping) -> Iterator[str]:
    """Yield the PNGs among the outputs, in base64."""
    for cell in _cells_in(notebook):
        for output in _mappings(cell.get("outputs")):
            png = "".join(_lines_joined(_mapping(output.get("data")).get("image/png")).split())
            try:
                image = base64.b64decode(png, validate=True)
            except ValueError:
                continue
            if image.startswith(_PNG):
                yield png


def _cells_in(notebook: Mapping) -> list[Mapping]:
    return _mappings(notebook.get("cells"))


def _mappings(value: object) -> list[Mapping]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _lines_joined(value: object) -> str:
    """Return a text, which in the file of a notebook may be a list of its lines."""
    lines: list[Any] = value if isinstance(value, list) else [value]
    return "".join(lines) if all(isinstance(line, str) for line in lines) else ""
