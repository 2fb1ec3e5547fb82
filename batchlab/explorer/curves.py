"""Learning curves of the explorer, as plain descriptions for plotly: no widget, no network.

`curves_layout` and `COLORS` are shared with the page that needs no Python.
"""

import math
from collections.abc import Iterable

import numpy as np

from batchlab.explorer.answer import Answer
from batchlab.explorer.setting import Setting
from batchlab.explorer.words import counted, differences, title
from batchlab.figures.curves import ACCURACY_LABEL, BUDGETS, CROSS_ENTROPY_LABEL, PART_LABELS
from batchlab.figures.style import COLORS as PALETTE

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
        Of plain values. The ranges are fixed, so that pictures can be compared; see `following`.
    """
    spread = [lowest, 1.0] if kind == "accuracy" else [0.0, HIGHEST_LOSS]
    return layout_of(
        {"title": {"text": BUDGETS["epoch"]}, "range": [0, epochs * 1.01]},
        {"title": {"text": KINDS[kind]}, "range": spread},
    )


def following(layout: dict, traces: list) -> dict:
    """Return a layout of learning curves whose vertical axis holds all curves that are drawn.

    Parameters
    ----------
    layout : dict
        From `curves_layout`. Its range stays where the curves are within it.
    traces : list of dict
        From `curve_traces`, pinned ones as well.

    Returns
    -------
    dict
        With a lower foot for accuracies; with a higher top for losses, and a logarithmic axis
        where the highest is more than 30 times the lowest.
    """
    foot, top = layout["yaxis"]["range"]
    curves = _heights(one for one in traces if one["mode"] == "lines" and "fill" not in one)
    if layout["yaxis"]["title"]["text"] != KINDS["loss"]:
        # In steps of a tenth, so that it seldom jumps.
        lowest = math.floor(curves.min(initial=foot) * 10) / 10
        return {**layout, "yaxis": {**layout["yaxis"], "range": [min(foot, lowest), top]}}
    own = {"type": "linear", "range": [foot, top]}
    if curves.max(initial=0) > top:
        highest, least = float(_heights(traces).max()), float(curves[curves > 0].min())
        own["range"] = [foot, highest * 1.05]
        if curves.max() > 30 * least:
            # A cross at the foot, of a replicate without a finite loss, is to be seen as well.
            crosses = _heights(one for one in traces if one["mode"] == "markers")
            low = math.log10(crosses.min(initial=least, where=crosses > 0))
            high = math.log10(highest)
            room = 0.03 * (high - low)
            own = {"type": "log", "range": [low - room, high + room], "exponentformat": "power"}
    # A range that a reader has zoomed to means nothing on an axis of the other type.
    return {**layout, "yaxis": {**layout["yaxis"], **own, "uirevision": f"loss, {own['type']}"}}


def _heights(traces: Iterable[dict]) -> np.ndarray:
    values = np.concatenate([np.empty(0), *(np.asarray(one["y"], float) for one in traces)])
    return values[np.isfinite(values)]


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
                "hovertemplate": "epoch %{x}: %{y:.4"
                + ("g" if kind == "loss" else "f")
                + f"}}<extra>{PART_LABELS[part]}</extra>",
                "showlegend": bool(len(x)),
                "meta": _whose(answer, part, kind, pinned=pinned),
            },
        ]
    if not pinned:
        found.append(_lost(answer, kind))
        found += [_ceiling(answer, part, kind) for part in PARTS]
    return found


def legend(traces: list) -> list[dict]:
    """Return what a legend says of traces: a name, a colour, and a dash or a symbol for each.

    A pinned run's name says what else it has of its own, beside the run that is shown.
    """
    found = []
    owners = [trace["meta"] for trace in traces if trace.get("meta")]
    shown = [Setting.from_query(one["shown"]) for one in owners if "shown" in one]
    for trace in traces:
        if not trace.get("name") or not trace.get("showlegend", True):
            continue
        name = trace["name"]
        if shown and "pinned" in (trace.get("meta") or {}):
            name += _own(trace["meta"], shown[0])
        line, marker = trace.get("line", {}), trace.get("marker", {})
        style = {"dash": line.get("dash", "solid")} if line else {"symbol": marker["symbol"]}
        color = (line or marker)["color"]
        found.append({"name": name, "color": color, **style})
    return found


def _whose(answer: Answer | None, part: str, kind: str, *, pinned: bool) -> dict | None:
    """Return whose curve it is, for a legend, which sees the traces of both runs."""
    if answer is None:
        return None
    if not pinned:
        return {"shown": answer.asked.to_query()}
    ceiling = getattr(answer.problem.bayes_accuracy, part) if kind == "accuracy" else None
    return {"pinned": answer.setting.to_query(), "ceiling": ceiling}


def _own(owner: dict, shown: Setting) -> str:
    pinned = Setting.from_query(owner["pinned"])
    said = "".join(f", {one}" for one in differences(pinned, shown))
    problems = {(one.n_samples, one.n_train, one.cluster_std) for one in (pinned, shown)}
    if len(problems) > 1 and owner["ceiling"] is not None:
        said += f" (its Bayes ceiling, {owner['ceiling']:.3f}, is not drawn)"
    return said


def caption(answer: Answer) -> str:
    """Return what line and band are, of what is drawn."""
    count, lost = answer.setting.replicates, int(answer.lost.sum())
    sound, thin = count - lost, "; thin: single replicates"
    if not sound:
        if not answer.ends.any():
            return "no curves: nothing was finite after the first epoch"
        who = "single replicates, each" if count > 1 else "the one replicate,"
        return f"thin: {who} up to where it diverged"
    if count == 1:
        return "line: 1 replicate, no interval"
    if lost:
        thin += ", each up to where it diverged"
    if sound == 1:
        return f"line: the one replicate that did not diverge, no interval{thin}"
    who = f"the {sound} replicates that did not diverge" if lost else f"{count} replicates"
    return f"line: mean of {who}; band: its 95 % interval{thin}"


def _single(answer: Answer | None, part: str, kind: str, color: str) -> dict:
    x = y = np.empty(0)
    if answer is not None:
        curves = answer.curves(part, kind)
        curves = np.where(curves > _limit(answer, kind), np.nan, curves)
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
    elif kind == "loss":
        # No loss is below 0, and a logarithmic axis has no place for it.
        low = np.where(low > 0, low, mean / 1000)
    return _epochs(answer), mean, low, high


def _lost(answer: Answer | None, kind: str) -> dict:
    """Return a cross where each replicate that diverged did so."""
    x, y, above, everyone = [], [], "", ""
    if answer is not None and answer.lost.any():
        everyone = counted(len(answer.lost), "replicate")
        curves = answer.curves("test", kind)[answer.lost]
        ends = answer.ends[answer.lost]
        x = np.maximum(ends, 1)
        heights = curves[np.arange(len(ends)), np.maximum(ends - 1, 0)]
        # Lost in the first epoch: nothing to stand on but the axis.
        foot = curves_layout(kind)["yaxis"]["range"][0] + 0.01
        top = _limit(answer, kind)
        y = np.minimum(np.where(np.isnan(heights), foot, heights), top - 0.01)
        # On a training set a loss may have left the axis before the one on the test set.
        beyond = any((answer.curves(part, kind)[answer.lost] > top).any() for part in PARTS)
        above = f", losses above {top:.3g} are not drawn" if beyond else ""
    return {
        "x": x,
        "y": y,
        "mode": "markers",
        "name": "" if not len(x) else f"{len(x)} of {everyone} diverged here{above}",
        "marker": {"symbol": "x", "size": 9, "color": "black"},
        "showlegend": bool(len(x)),
    }


def _limit(answer: Answer, kind: str) -> float:
    """Return up to where single replicates are drawn: as far as those that did not diverge go.

    A loss on its way to infinity would press all others together.
    """
    top = curves_layout(kind)["yaxis"]["range"][1]
    if answer.lost.all():
        return top if kind == "accuracy" else math.inf
    return max(top, *(float(answer.curves(part, kind)[~answer.lost].max()) for part in PARTS))


def _ceiling(answer: Answer | None, part: str, kind: str) -> dict:
    x: list[float] = []
    y: list[float] = []
    name = ""
    if answer is not None and kind == "accuracy":
        height = getattr(answer.ceiling, part)
        x, y = [0, answer.asked.epochs * 1.01], [height, height]
        name = f"Bayes ceiling, {PART_LABELS[part]}: {height:.3f}"
    return {
        "x": x,
        "y": y,
        "mode": "lines",
        "name": name,
        "line": {"color": COLORS["ceiling"], "width": 1.2, "dash": CEILING_DASHES[part]},
        "showlegend": bool(name),
    }


def _epochs(answer: Answer) -> np.ndarray:
    return np.arange(1, answer.setting.epochs + 1)


def faded(color: str, alpha: float) -> str:
    """Return a colour such as "#0072B2" with so much opacity."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
