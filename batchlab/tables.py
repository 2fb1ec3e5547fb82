"""Tables of plain text: aligned, and no wider than a terminal where that can be."""

import textwrap
from collections.abc import Sequence

WIDTH = 100
_GAP = "  "
_NARROWEST = 24


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
