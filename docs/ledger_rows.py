"""The ledger as a table of the site, from the outputs that are stored in its notebook."""

import html
import re
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from itables.javascript import generate_init_offline_itables_html
from itables.options import dt_bundle

COLUMNS = ("number", "source", "claim", "verdict", "measured", "effect", "because", "rule", "runs")
_HEADS = {
    "number": "Claim",
    "source": "Source",
    "claim": "What it says",
    "verdict": "Verdict",
    "measured": "Measured",
    "effect": "Mean [95 % interval]",
    "because": "When, or why not",
    "rule": "Reproduced if",
    "runs": "On which runs",
}
_PART = re.compile(r"^\(\d+\) ")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def ledger_rows(path: Path) -> list[dict[str, str]]:
    """Return the ledger, a row for each claim in the order of their numbers.

    Parameters
    ----------
    path : pathlib.Path
        The notebook, whose outputs hold what `batchlab.ledger_page` returns, in one or more parts.

    Returns
    -------
    list of dict
        Texts by `COLUMNS`.

    Raises
    ------
    ValueError
        If the notebook holds no such table.
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if "ledger_page(" in cell.source and "outputs" in cell]
    pages = [output.data["text/html"] for cell in code for output in cell.outputs]
    found = [row for page in pages for row in BeautifulSoup(page, "html.parser").select("tbody tr")]
    if not found:
        raise ValueError(f"expected a ledger among the outputs of {path}, found none")
    return sorted(map(_row, found), key=lambda row: int(row["number"]))


def _row(row: Tag) -> dict[str, str]:
    number, claim, measured, rule, _, effect, verdict = row.find_all("td")
    claim, source = claim.get_text("\n").rsplit("\n", 1)
    measured, runs = measured.get_text("\n").rsplit("\n", 1)
    verdict, _, because = verdict.get_text("\n").partition("\n")
    texts = number.get_text(), source, claim, verdict, measured, effect.get_text(), because
    return dict(zip(COLUMNS, [*texts, rule.get_text(), runs], strict=True))


def ledger_page(rows: list[dict[str, str]], summary: str) -> str:
    """Return the page of the ledger.

    Parameters
    ----------
    rows : list of dict
        From `ledger_rows`.
    summary : str
        The section of the README on it, with its heading.

    Returns
    -------
    str
        Markdown: the table reads the same where no script runs.
    """
    body = re.sub(r"^## .*\n", "", summary, count=1).strip()
    heads = "".join(f"<th>{_HEADS[name]}</th>" for name in COLUMNS)
    lines = [_line(row) for row in rows]
    return (
        f"---\nhide-toc: true\n---\n\n# The ledger\n\n{body}\n\n## All claims\n\n"
        "A heading sorts; the glass beside *source* and *verdict* filters by them, and the "
        "search field above the table looks in all columns. "
        "Means are over replicates; several parts of a claim are numbered.\n\n"
        '<div class="ledger-table">\n<table id="ledger" class="display compact">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>\n"
        '</div>\n<script src="_static/datatables.js"></script>\n'
        '<script src="_static/ledger.js"></script>\n'
    )


def first_number(effect: str) -> str:
    """Return what the table sorts an effect by.

    Parameters
    ----------
    effect : str
        As in the ledger, such as "(1) 12,500 (2) 125" or "below 1e-09 [below 1e-09, 0.2]".

    Returns
    -------
    str
        Its first number as a script reads it, or nothing. The number of a part is none.
    """
    found = _NUMBER.search(_PART.sub("", effect))
    return found[0].replace(",", "") if found else ""


def _line(row: dict[str, str]) -> str:
    order = {"effect": f' data-order="{first_number(row["effect"])}"'}
    cells = "".join(
        f'<td class="{name}"{order.get(name, "")}>{html.escape(row[name])}</td>' for name in COLUMNS
    )
    return f'<tr id="claim-{row["number"]}">{cells}</tr>'


def datatables() -> str:
    """Return the script of the tables, for a file that all pages share.

    Returns
    -------
    str
        It sets ``window.datatables``, a promise of the module that itables bundles.
    """
    page = generate_init_offline_itables_html(dt_bundle)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    name = re.search(r"window\.(_itables_\w+)\s*=", script)[1]
    return f"{script}\nwindow.datatables = window.{name};\n"
