"""Learning curves of the explorer, as plain descriptions for plotly: no widget, no network.

`curves_layout` and `COLORS` are shared with the page that needs no Python.
"""

import numpy as np

from batchlab._curves import ACCURACY_LABEL, BUDGETS, CROSS_ENTROPY_LABEL, PART_LABELS
from batchlab._style import COLORS as PALETTE
from batchlab.explorer_answer import Answer
from batchlab.explorer_words import title

COLORS = {"train": PALETTE[0], "test": PALETTE[1], "ceiling": "#555555", "pinned": PALETTE[3]}
DASHES = {"train": "dash", "test": "solid"}
CEILING_DASHES = {"train": "dot", "test": "longdash"}
PARTS = ("train", "test")
KINDS = {"accuracy": ACCURACY_LABEL, "loss": CROSS_ENTROPY_LABEL}
HIGHEST_LOSS = 1.5  # nats per sample; a guess among three classes has 1.1
_FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12}
_GRID = {"gridcolor": "#e5e5e5", "zeroline": False, "linecolor": "#999999", "ticks": "outside"}


def layout_of(x: dict, y: dict) -> dict:
    """Return the layout that all figures of the explorer have, with two axes."""
    return {
        "autosize": True,
        "height": 340,
        "margin": {"l": 52, "r": 12, "t": 12, "b": 44},
        # Beside the figure instead, where it cannot push the axes about.
        "showlegend": False,
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": _FONT,
        "hovermode": "closest",
        "xaxis": {**_GRID, **x},
        "yaxis": {**_GRID, **y},
        # What a reader has zoomed to stays when the numbers change.
        "uirevision": "explorer",
    }


def curves_layout(kind: str = "accuracy", epochs: int = 50, *, lowest: float = 0.2) -> dict:
    """Return the layout of learning curves, as plotly takes it in any language.

    Parameters
    ----------
    kind : {"accuracy", "loss"}
    epochs : int
        Where the horizontal axis ends.
    lowest : float
        Accuracy at the foot of the axis.

    Returns
    -------
    dict
        Of plain values. The ranges are fixed, so that pictures can be compared.
    """
    spread = [lowest, 1.0] if kind == "accuracy" else [0.0, HIGHEST_LOSS]
    return layout_of(
        {"title": {"text": BUDGETS["epoch"]}, "range": [0, epochs * 1.01]},
        {"title": {"text": KINDS[kind]}, "range": spread},
    )


def curve_traces(answer: Answer | None, kind: str = "accuracy", *, pinned: bool = False) -> list:
    """Return the traces of an answer's learning curves, always equally many in the same order.

    For each part the single replicates as one broken line, the band and the mean; then where
    replicates diverged, and the Bayes ceilings.

    Parameters
    ----------
    answer : Answer or None
        None is nothing to draw: the traces are there, without points.
    kind : {"accuracy", "loss"}
    pinned : bool
        Whether it is the one that others are drawn over: without single replicates and ceilings,
        in another colour.

    Returns
    -------
    list of dict
        As plotly takes traces.
    """
    found = []
    for part in PARTS:
        color = COLORS["pinned"] if pinned else COLORS[part]
        name = PART_LABELS[part]
        if pinned:
            name = f"pinned, {name}: {title(answer.setting)}" if answer else f"pinned, {name}"
        if not pinned:
            found.append(_single(answer, part, kind, color))
        x, mean, low, high = _band(answer, part, kind)
        found += [
            {
                "x": np.concatenate([x, x[::-1]]),
                "y": np.concatenate([high, low[::-1]]),
                "fill": "toself",
                "fillcolor": faded(color, 0.25),
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
                "showlegend": False,
            },
            {
                "x": x,
                "y": mean,
                "name": name,
                "mode": "lines",
                "line": {"color": color, "width": 2.5, "dash": DASHES[part]},
                "hovertemplate": "epoch %{x}: %{y:.4f}<extra>" + PART_LABELS[part] + "</extra>",
                "showlegend": bool(len(x)),
            },
        ]
    if not pinned:
        found.append(_lost(answer, kind))
        found += [_ceiling(answer, part, kind) for part in PARTS]
    return found


def legend(traces: list) -> list[dict]:
    """Return what a legend says of traces: a name, a colour, and a dash or a symbol for each."""
    found = []
    for trace in traces:
        if not trace.get("name") or not trace.get("showlegend", True):
            continue
        line, marker = trace.get("line", {}), trace.get("marker", {})
        style = {"dash": line.get("dash", "solid")} if line else {"symbol": marker["symbol"]}
        color = (line or marker)["color"]
        found.append({"name": trace["name"], "color": color, **style})
    return found


def caption(answer: Answer) -> str:
    """Return what line and band are."""
    count = answer.setting.replicates
    if count == 1:
        return "line: 1 replicate, no interval"
    return f"line: mean of {count} replicates; band: its 95 % interval; thin: single replicates"


def _single(answer: Answer | None, part: str, kind: str, color: str) -> dict:
    x = y = np.empty(0)
    if answer is not None:
        curves = answer.curves(part, kind)
        # NaN between them: one trace is drawn much faster than as many as there are replicates.
        gap = np.full((len(curves), 1), np.nan)
        y = np.hstack([curves, gap]).ravel()
        x = np.tile(np.append(_epochs(answer), np.nan), len(curves))
    return {
        "x": x,
        "y": y,
        "mode": "lines",
        "line": {"color": faded(color, 0.28), "width": 0.7},
        "hoverinfo": "skip",
        "showlegend": False,
        "connectgaps": False,
    }


def _band(answer: Answer | None, part: str, kind: str) -> tuple[np.ndarray, ...]:
    if answer is None or answer.lost.all():
        return (np.empty(0),) * 4
    mean, low, high = answer.band(part, kind)
    if np.isnan(low).all():  # of one replicate: no band
        low = high = mean
    return _epochs(answer), mean, low, high


def _lost(answer: Answer | None, kind: str) -> dict:
    """Return a cross where each replicate that diverged did so."""
    x, y = [], []
    if answer is not None and answer.lost.any():
        curves = answer.curves("test", kind)[answer.lost]
        ends = answer.ends[answer.lost]
        x = np.maximum(ends, 1)
        heights = curves[np.arange(len(ends)), np.maximum(ends - 1, 0)]
        # Lost in the first epoch: nothing to stand on but the axis.
        foot, top = curves_layout(kind)["yaxis"]["range"]
        y = np.clip(np.where(np.isnan(heights), foot, heights), foot + 0.01, top - 0.01)
    return {
        "x": x,
        "y": y,
        "mode": "markers",
        "name": "" if not len(x) else f"{len(x)} of {len(answer.lost)} replicates diverged here",
        "marker": {"symbol": "x", "size": 9, "color": "black"},
        "showlegend": bool(len(x)),
    }


def _ceiling(answer: Answer | None, part: str, kind: str) -> dict:
    known = answer is not None and kind == "accuracy"
    height = getattr(answer.problem.bayes_accuracy, part) if known else None
    return {
        "x": [0, answer.asked.epochs * 1.01] if known else [],
        "y": [height, height] if known else [],
        "mode": "lines",
        "name": f"Bayes ceiling, {PART_LABELS[part]}: {height:.3f}" if known else "",
        "line": {"color": COLORS["ceiling"], "width": 1.2, "dash": CEILING_DASHES[part]},
        "showlegend": known,
    }


def _epochs(answer: Answer) -> np.ndarray:
    return np.arange(1, answer.setting.epochs + 1)


def faded(color: str, alpha: float) -> str:
    """Return a colour such as "#0072B2" with so much opacity."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
