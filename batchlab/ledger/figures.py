"""Figures of the ledger: all verdicts at a glance, and measured effects beside what is claimed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from batchlab.figures.style import COLORS, axes_or_new, literal
from batchlab.ledger.judge import Finding, Judged
from batchlab.ledger.rules import CONDITIONAL, CONTRADICTED, REPRODUCED, UNDECIDED, VERDICTS

_LOOKS = {
    REPRODUCED: (COLORS[2], "o", "white"),
    CONDITIONAL: (COLORS[4], "s", "black"),
    CONTRADICTED: (COLORS[1], "X", "white"),
    UNDECIDED: ("lightgray", "D", "black"),
}
# Said by a tile to those who do not see its colour.
_SIGNS = {REPRODUCED: "", CONDITIONAL: "~", CONTRADICTED: "×", UNDECIDED: "?"}
_CLAIMED = "#009E7333"


def plot_ledger(judged: Sequence[Judged], *, ax: Axes | None = None) -> Axes:
    """Draw a tile for each claim, a row for each source, coloured by the verdict.

    Parameters
    ----------
    judged : sequence of Judged
        From `batchlab.judge_all`.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are no claims.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> [text.get_text() for text in bl.plot_ledger(judged).texts]
    ['7', '37 ×']
    """
    if not judged:
        raise ValueError("judged: expected at least one claim, received none.")
    sources = list(dict.fromkeys(each.claim.source for each in judged))
    rows = {name: [each for each in judged if each.claim.source == name] for name in sources}
    widest = max(map(len, rows.values()))
    ax = axes_or_new(ax, (0.55 * widest + 1.2, 0.62 * len(rows) + 0.9))
    for row, claims in enumerate(rows.values()):
        for column, each in enumerate(claims):
            color, _, ink = _LOOKS[each.verdict]
            ax.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, facecolor=color))
            text = f"{each.claim.id} {_SIGNS[each.verdict]}".rstrip()
            place = column + 0.5, row + 0.52
            ax.text(*place, text, ha="center", va="center", color=ink, fontsize=9)
    ax.set(xlim=(0, widest), ylim=(len(rows), 0), xticks=[])
    ax.set_yticks(np.arange(len(rows)) + 0.5, [literal(name) for name in sources])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    tiles = [
        Rectangle((0, 0), 1, 1, facecolor=_LOOKS[verdict][0], label=_count(judged, verdict))
        for verdict in VERDICTS
    ]
    ax.legend(
        handles=tiles, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, frameon=False
    )
    return ax


def plot_findings(
    judged: Sequence[Judged],
    *,
    claims: Sequence[int],
    part: int | None = None,
    logarithmic: bool = False,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw what was measured for some claims, beside what they say.

    Parameters
    ----------
    judged : sequence of Judged
        From `batchlab.judge_all`.
    claims : sequence of int
        Ids of claims whose effects share an axis. Those that were not judged are left out.
    part : int or None
        Only this part of each, from 0; None is all.
    logarithmic : bool
        Whether the axis of effects is logarithmic; for ratios.
    legend : bool
        Whether the colours are explained beside the axes.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes
        A line for each part and condition: the mean and its 95 % interval, the central 95 % of the
        replicates as a thin line, coloured by the verdict on it alone. The green area is where it
        would lie if the claim were true.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[500], epochs=2, replicates=3)
    >>> (claim,) = bl.choose_claims([17])
    >>> judged = [bl.judge(claim, [study, study])]  # after 2 epochs instead of 200
    >>> ax = bl.plot_findings(judged, claims=[17])
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['(1) final training accuracy', '(2) final test accuracy']
    """
    rows = [
        (each, finding)
        for each in judged
        for finding in each.findings
        if each.claim.id in claims and part in (None, finding.part)
    ]
    ax = axes_or_new(ax, (9.5, 0.3 * len(rows) + 1.5))
    if not rows:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "none of these claims was judged", ha="center", transform=ax.transAxes)
        return ax
    several = len({each.claim.id for each, _ in rows}) > 1
    for place, (each, finding) in enumerate(rows):
        effect = finding.effect
        color, marker = _ink(finding.verdict), _LOOKS[finding.verdict][1]
        ax.plot([effect.from_, effect.to], [place, place], color=color, linewidth=0.8, zorder=2)
        ax.plot([effect.low, effect.high], [place, place], color=color, linewidth=3, zorder=3)
        ax.plot(effect.mean, place, marker, color=color, markersize=6, zorder=4)
        claimed = [bound for bound in _claimed(each, finding) if np.isfinite(bound)]
        ax.plot(claimed, [place] * len(claimed), alpha=0)  # so that the axis reaches there
    if logarithmic:
        ax.set_xscale("log")
    else:
        ax.axvline(0, color="dimgray", linewidth=0.8)
    low, high = ax.get_xlim()
    for place, (each, finding) in enumerate(rows):
        start, end = np.clip(_claimed(each, finding), low, high)
        ax.fill_between([start, end], place - 0.45, place + 0.45, color=_CLAIMED, linewidth=0)
        # What is claimed exactly has no width to be filled.
        ax.plot([start, start], [place - 0.45, place + 0.45], color=COLORS[2], linewidth=1.2)
    ax.set(xlim=(low, high), ylim=(len(rows) - 0.4, -0.6))
    names = [literal(_name_of_finding(*row, several=several)) for row in rows]
    ax.set_yticks(range(len(rows)), names)
    shown_verdicts = [
        verdict for verdict in VERDICTS if verdict in {finding.verdict for _, finding in rows}
    ]
    handles: list[Artist] = [
        Line2D([], [], color=_ink(verdict), marker=_LOOKS[verdict][1], linewidth=3, label=verdict)
        for verdict in shown_verdicts
    ]
    handles.append(Rectangle((0, 0), 1, 1, facecolor=_CLAIMED, label="as claimed"))
    if legend:
        beside: dict[str, Any] = {
            "loc": "upper left",
            "bbox_to_anchor": (1.01, 1),
            "frameon": False,
        }
        ax.legend(handles=handles, fontsize=8, **beside)
    return ax


def _claimed(judged: Judged, finding: Finding) -> tuple[float, float]:
    return judged.claim.parts[finding.part].rule.claimed


def _ink(verdict: str) -> str:
    return "dimgray" if verdict == UNDECIDED else _LOOKS[verdict][0]


def _name_of_finding(judged: Judged, finding: Finding, *, several: bool) -> str:
    parts = judged.claim.parts
    number = f"({finding.part + 1}) " if len(parts) > 1 else ""
    what = ", ".join(finding.condition) or parts[finding.part].measured
    return f"{judged.claim.id}: {number}{what}" if several else f"{number}{what}"


def _count(judged: Sequence[Judged], verdict: str) -> str:
    sign = f" ({_SIGNS[verdict]})" if _SIGNS[verdict] else ""
    return f"{verdict}{sign}: {sum(each.verdict == verdict for each in judged)}"
