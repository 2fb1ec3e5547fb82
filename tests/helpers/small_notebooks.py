"""Small notebooks to execute, and what is left of them."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HEADING = "# Batches: *why*?\n\nThe `n` of [a page](x.html)\n& its size.\n\nMore."
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def write(path, *sources, parameters="n = 3  # samples", heading=HEADING, kernel=KERNEL):
    """Write a notebook of code cells below a heading and parameters; return its path."""
    cells = [new_markdown_cell(heading), new_code_cell(parameters)]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [new_code_cell(source) for source in sources]
    # Ids of cells are drawn at random, and change nothing.
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def printed(path):
    """Return all that the cells of an executed notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def files(folder):
    """Return the names of all that is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
