"""What the README takes from the stored outputs of notebooks; run it to bring it up to date."""

import base64
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FIGURE = ROOT / "notebooks" / "flavours.png"
WRITTEN = "<!-- {}: written by `make outputs` -->\n", "<!-- end of {} -->\n"

# Notebook, the row in its table of test accuracies, batch size, rate, published test accuracy.
ROWS = (
    ("04-minibatch", "full batch (500)", "500 (full)", "0.01", "0.830"),
    ("04-minibatch", "minibatch (32)", "32", "0.01", "0.812"),
    ("03-stochastic", "rate 0.001", "1", "0.001", "0.824"),
    ("03-stochastic", "rate 0.01", "1", "0.01", "0.606"),
)


def outputs(name, source):
    """Return the outputs of the first cell of a notebook that has `source` in its code."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    return next(cell.outputs for cell in code if source in cell.source)


def stored_figure():
    """Return the picture of the three flavours side by side, as bytes."""
    (output,) = outputs("04-minibatch", "plot_comparison")
    return base64.b64decode(output.data["image/png"])


def accuracy_row(name, row):
    """Return the numbers of a row in a notebook's table of test accuracies, by column."""
    (output,) = outputs(name, 'evaluate_each(histories, "val_accuracy")')
    html = output.data["text/html"]
    columns = re.findall(r"<th>([a-z]+)</th>", html)
    cells = re.search(rf"<th>{re.escape(row)}</th>(.*?)</tr>", html, re.S)[1]
    return dict(zip(columns, map(float, re.findall(r"<td>(.*?)</td>", cells)), strict=False))


def verdict():
    """Return what notebook 12 printed as its verdict, as a quotation."""
    (output,) = outputs("12-your-data", "print(verdict)")
    return "\n".join(f"> {line}  " for line in output.text.strip().splitlines()) + "\n"


def results():
    """Return the README's table of results."""
    lines = [
        "| batch size | rate | test accuracy, mean | 95 % interval | lowest to highest replicate "
        "| published, one run |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row, batch_size, rate, published in ROWS:
        found = accuracy_row(name, row)
        lines.append(
            f"| {batch_size} | {rate} | {found['mean']:.3f} | {found['low']:.3f} to "
            f"{found['high']:.3f} | {found['min']:.3f} to {found['max']:.3f} | {published} |"
        )
    return "\n".join(lines) + "\n"


def ledger():
    """Return the README's summary of the ledger, as notebook 11 printed it."""
    (output,) = outputs("11-claims", "bl.ledger_summary(judged)")
    return "\n" + output.text


def with_results(text):
    """Return the README's text with what is between its marks replaced."""
    for name, written in (
        ("results", results()),
        ("ledger", ledger()),
        ("verdict", verdict()),
    ):
        begin, end = (mark.format(name) for mark in WRITTEN)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + written + end + after
    return text


if __name__ == "__main__":
    FIGURE.write_bytes(stored_figure())
    README.write_text(with_results(README.read_text(encoding="utf-8")), encoding="utf-8")
