"""Notebooks as the site shows them: their stored outputs, and nothing that needs a kernel."""

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
from figures import Figure, figures

_WIDGET = "application/vnd.jupyter.widget-view+json"
_LIVE = (
    ":::{note}\nThis page shows what is stored. `make app` starts the live explorer, with its "
    "sliders, on your machine.\n:::"
)
_STORED = "A figure of stored runs, in place of the sliders:"
# The notebook whose answer is an app.
EXPLORE = "explore"


def page(path: Path, instead: Figure | None = None) -> nbformat.NotebookNode:
    """Return a notebook as a page shows it.

    Parameters
    ----------
    path : pathlib.Path
    instead : Figure or None
        What stands for the app, in the file that `pictured` names.

    Returns
    -------
    nbformat.NotebookNode
        Without widgets, and with a text in place of each figure for those who do not see it.
    """
    notebook = nbformat.read(path, as_version=4)
    texts = {id(figure.output): figure.alt for figure in figures(notebook)}
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    cells = [part for cell in notebook.cells for part in _parts(cell, texts)]
    if path.stem == EXPLORE:
        live = _LIVE if instead is None else f"{_LIVE}\n\n{pictured(path.stem, instead)}"
        cells.insert(1, nbformat.v4.new_markdown_cell(live, id="live"))
    notebook.cells = cells
    return notebook


def pictured(name: str, figure: Figure) -> str:
    """Return the Markdown of a figure that the notebook of a name has on the front page."""
    alt = json.dumps(figure.alt, ensure_ascii=False)
    return f"{_STORED}\n\n```{{image}} ../figures/{name}.png\n:alt: {alt}\n```"


def _parts(cell: nbformat.NotebookNode, texts: dict[int, str]) -> Iterator[nbformat.NotebookNode]:
    """Yield a cell as cells of at most one figure: MyST-NB takes one text for all of a cell's."""
    if cell.cell_type != "code":
        yield cell
        return
    outputs, taken = [[]], []
    for output in cell.outputs:
        if _WIDGET in output.get("data", {}):
            continue
        if id(output) in texts:
            if len(taken) == len(outputs):
                outputs.append([])
            taken.append(texts[id(output)])
        outputs[-1].append(output)
    for place, shown in enumerate(outputs):
        part = nbformat.from_dict(cell | {"outputs": shown})
        part.metadata = nbformat.from_dict(dict(cell.metadata))
        if place < len(taken):
            part.metadata["mystnb"] = {"image": {"alt": taken[place]}}
        if place:
            part.id = f"{cell.get('id', 'cell')}-{place}"
            part.metadata["tags"] = ["remove-input"]
        yield part
