"""The plane of two features: what the replicates believe after an epoch, and the samples."""

import functools
from typing import cast

import numpy as np
from contourpy import contour_generator  # Matplotlib's own, without a figure

from batchlab.explorer.answer import Answer
from batchlab.explorer.curves import faded, layout_of
from batchlab.figures.style import COLORS
from batchlab.problems.mixture import GaussianMixture
from batchlab.problems.plane import plane_grid
from batchlab.problems.problem import Problem

CLASS_SYMBOLS = ("circle", "triangle-up", "square", "diamond")


def boundary_layout(across: np.ndarray, up: np.ndarray) -> dict:
    """Return the layout of the plane of two features."""
    return layout_of(
        {"title": {"text": "feature 0"}, "range": [float(across[0]), float(across[-1])]},
        {"title": {"text": "feature 1"}, "range": [float(up[0]), float(up[-1])]},
    )


def boundary_traces(answer: Answer, epoch: int) -> list:
    """Return the traces of what the replicates believe after an epoch, in the same order always.

    A map for each class, the paler the fewer replicates believe in it; the Bayes boundary; the
    test samples of each class.

    Parameters
    ----------
    answer : Answer
    epoch : int
        Counted from 1; 0 is the start.

    Returns
    -------
    list of dict
    """
    across, up, _ = answer.grid
    problem = answer.problem
    maps = [
        {
            "type": "heatmap",
            "x": across,
            "y": up,
            "z": shares,
            "zmin": 0,
            "zmax": 1,
            "colorscale": [[0, faded(COLORS[label], 0)], [1, faded(COLORS[label], 0.5)]],
            "showscale": False,
            "zsmooth": "best",
            "hovertemplate": f"class {label}: %{{z:.0%}} of the replicates<extra></extra>",
        }
        for label, shares in enumerate(boundary_maps(answer, epoch))
    ]
    samples = [
        {
            "x": problem.x_test[problem.y_test == label, 0],
            "y": problem.x_test[problem.y_test == label, 1],
            "mode": "markers",
            "name": f"class {label}, test",
            "marker": {
                "color": COLORS[label],
                "symbol": CLASS_SYMBOLS[label],
                "size": 6,
                "line": {"color": "white", "width": 0.6},
            },
            "hoverinfo": "skip",
        }
        for label in range(problem.n_outputs)
    ]
    return [*maps, _bayes_boundary(answer), *samples]


def boundary_maps(answer: Answer, epoch: int) -> np.ndarray:
    """Return the share of the replicates by class: shape (n_classes, up, across), in float32."""
    across, up, _ = answer.grid
    shares = answer.shares(epoch).T.reshape(-1, len(up), len(across))
    # Where few believe in a class the others' colours show; float32 is half as much to send.
    return np.nan_to_num(shares).astype("float32")


def boundary_caption(answer: Answer, epoch: int) -> str:
    """Return what the map shows: when, of how many replicates, and what pale means."""
    count = int((answer.ends >= epoch).sum())
    when = f"after epoch {epoch}" if epoch else "at the start"
    if not count:
        return f"{when}: all replicates have diverged"
    who = "the replicate" if count == 1 else f"most of {count} replicates"
    return f"{when}: the class that {who} believe{'s' * (count == 1)} in, paler where they disagree"


def _bayes_boundary(answer: Answer) -> dict:
    """Return where the Bayes rule changes its class, as one broken line."""
    x, y = _bayes_edges(answer.problem)
    return {
        "x": x,
        "y": y,
        "mode": "lines",
        "name": "Bayes boundary",
        "line": {"color": "black", "width": 1.6, "dash": "dot"},
        "hoverinfo": "skip",
    }


@functools.lru_cache(maxsize=8)
def _bayes_edges(problem: Problem) -> tuple[list, list]:
    across, up, points = plane_grid(problem, 200)
    distribution = cast(GaussianMixture, problem.distribution)
    best = distribution.predict(points).reshape(len(up), len(across))
    return _borders(best, across, up)


def _borders(classes: np.ndarray, across: np.ndarray, up: np.ndarray) -> tuple[list, list]:
    """Return the borders between classes on a grid as a line broken by None."""
    x: list = []
    y: list = []
    for label in range(classes.max()):
        # Classes that had their turn are masked: a line drawn twice would fill its own dashes.
        inside = np.ma.masked_where(classes < label, (classes == label).astype(float))
        for line in map(np.asarray, contour_generator(across, up, inside).lines(0.5)):
            x += [*line[:, 0].tolist(), None]
            y += [*line[:, 1].tolist(), None]
    return x, y
