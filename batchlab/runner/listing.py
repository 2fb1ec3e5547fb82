"""What the command line says of notebooks and of what came of them."""

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

from batchlab.runner import manifest
from batchlab.runner.catalogue import Notebook
from batchlab.runner.plan import NotebookRun
from batchlab.runner.provenance import changed, for_json

_INDENT = "    "
_KEPT = "\0"
WIDTH = 100
_GAP = "  "
_NARROWEST = 24


def described(notebooks: Sequence[Notebook], output_dir: Path) -> list[dict[str, object]]:
    """Return what is known of notebooks as values that JSON knows.

    Parameters
    ----------
    notebooks : sequence of Notebook
    output_dir : pathlib.Path
        Whose manifest says how long they took.

    Returns
    -------
    list of dict
        ``name``, ``path``, ``title``, ``question``, ``runtime`` (as the notebook says), ``seconds``
        (as measured, or None) and ``parameters``, each with ``name``, ``type``, ``default`` (None
        if it is no plain value), ``source`` (the default as it is written) and ``comment``.
    """
    seconds = _measured(output_dir)
    return [
        {
            "name": notebook.name,
            "path": str(notebook.path),
            "title": notebook.heading[0],
            "question": notebook.question,
            "runtime": notebook.runtime,
            "seconds": seconds.get(notebook.name),
            "parameters": [
                {
                    "name": name,
                    "type": found.kind,
                    "default": for_json(found.default),
                    "source": found.source,
                    "comment": found.comment,
                }
                for name, found in notebook.declared.items()
            ],
        }
        for notebook in notebooks
    ]


def in_words(notebooks: Sequence[Notebook], output_dir: Path, *, verbose: bool = False) -> str:
    """Return what is known of notebooks as lines for a person.

    Parameters
    ----------
    notebooks : sequence of Notebook
    output_dir : pathlib.Path
        Whose manifest says how long they took.
    verbose : bool
        Whether each parameter has a line of its own, with its meaning.

    Returns
    -------
    str
    """
    seconds = _measured(output_dir)
    blocks = []
    for notebook in notebooks:
        times = [notebook.runtime] if notebook.runtime else []
        if notebook.name in seconds:
            times.append(f"{seconds[notebook.name]:.0f} s here")
        lines = [f"{notebook.name}  ({'; '.join(times)})" if times else notebook.name]
        lines += _wrapped(notebook.question)
        lines += _parameters_in_lines(notebook) if verbose else _parameters_in_short(notebook)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _parameters_in_short(notebook: Notebook) -> list[str]:
    found = notebook.declared.items()
    each = [f"{name}: {one.kind} = {one.source}" for name, one in found]
    # A line breaks between parameters, not within one.
    lines = _wrapped(", ".join(text.replace(" ", _KEPT) for text in each))
    return [line.replace(_KEPT, " ") for line in lines]


def _parameters_in_lines(notebook: Notebook) -> list[str]:
    found = notebook.declared.items()
    rows = [[name, one.kind, one.source, one.comment] for name, one in found]
    if not rows:
        return []
    headings = ["parameter", "type", "default", "meaning"]
    table = text_table(headings, rows, wrap=3, width=WIDTH - len(_INDENT))
    return ["", *textwrap.indent(table, _INDENT).splitlines()]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _measured(output_dir: Path) -> dict[str, float]:
    try:
        return {name: entry["seconds"] for name, entry in manifest.read(output_dir).items()}
    except manifest.ManifestError:
        return {}


def outcomes(runs: Sequence[NotebookRun], output_dir: Path) -> str:
    """Return the table of what came of a batch.

    Parameters
    ----------
    runs : sequence of Run
    output_dir : pathlib.Path

    Returns
    -------
    str
        Notebook, parameters (those that differ from the defaults), seconds, result, where.
    """
    rows = []
    for run in runs:
        differing = changed(run.notebook, run.parameters)
        words = (f"{name}={_shortened(value)}" for name, value in differing.items())
        seconds = "" if run.seconds is None else f"{run.seconds:.1f}"
        where = _where(run, output_dir)
        rows.append([run.notebook.name, ", ".join(words), seconds, run.result, where])
    headings = ["notebook", "parameters", "seconds", "result", "where"]
    return text_table(headings, rows, wrap=1, numbers=[2])


def _shortened(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return textwrap.shorten(text, 60, placeholder=" …")


def _where(run: NotebookRun, output_dir: Path) -> str:
    ending = {"done": ".ipynb", "kept": ".ipynb", "failed": ".failed.ipynb"}.get(run.result)
    path = output_dir / f"{run.notebook.name}{ending}"
    if ending is None or not path.exists():
        return ""
    shorter = os.path.relpath(path)
    return str(path) if shorter.startswith("..") else shorter


def text_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrap: int,
    numbers: Sequence[int] = (),
    width: int = WIDTH,
) -> str:
    """Return a table.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequences of str
        Each as long as the headings.
    wrap : int
        The column whose texts go on in further lines where the table would be too wide.
    numbers : sequence of int, optional
        The columns that are aligned at their right.
    width : int
        Characters in a line, unless the other columns alone take more.

    Returns
    -------
    str
        Lines without an end of line behind the last.

    Examples
    --------
    >>> print(text_table(["who", "says"], [["a", "one"], ["bc", ""]], wrap=1))
    who  says
    a    one
    bc
    """
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    others = sum(widths) - widths[wrap] + len(_GAP) * (len(widths) - 1)
    widths[wrap] = min(widths[wrap], max(width - others, _NARROWEST))
    lines = []
    for row in [headings, *rows]:
        parts = textwrap.wrap(row[wrap], widths[wrap], break_on_hyphens=False) or [""]
        for index, part in enumerate(parts):
            cells = ["" if index else cell for cell in row]
            cells[wrap] = part
            aligned = (
                cell.rjust(wide) if column in numbers else cell.ljust(wide)
                for column, (cell, wide) in enumerate(zip(cells, widths, strict=True))
            )
            lines.append(_GAP.join(aligned).rstrip())
    return "\n".join(lines)
