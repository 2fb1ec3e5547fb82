"""Figures of a problem in the plane, and of what a trained model believes of it.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from sklearn.decomposition import PCA

from batchlab.figures.style import COLORS, MARKERS, axes_or_new, cycled, literal
from batchlab.foundation.checks import whole_number
from batchlab.problems.plane import parts_of, plane_grid
from batchlab.problems.problem import Problem, check_classification, check_problem

# Of the parts that a problem may have; hollow and filled tell test from training samples apart.
PART_MARKERS = {"training": "o", "validation": "x", "test": "^"}

MOST_ENTRIES = 18  # of a legend beside the axes


def plot_problem(problem: Problem, *, ax: Axes | None = None) -> Axes:
    """Draw the samples by class or target, and the Bayes boundary if the distribution is known.

    Samples of two features are drawn where they are, those of more along the first two principal
    components of the training samples. Of a regression with one feature the target is drawn
    against it; with more its colour is the target. Of several targets it is the first.

    Parameters
    ----------
    problem : Problem
        A classification has at least two features.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the problem is a classification by one feature.

    Examples
    --------
    >>> import batchlab as bl
    >>> print(bl.plot_problem(bl.blobs()).get_title())
    blobs: 500 training and 500 test samples
    best possible accuracy 0.824 (training), 0.840 (test)
    """
    check_problem(problem)
    parts = parts_of(problem)
    regression = problem.n_classes is None
    flat = problem.feature_shape == (1,)
    if flat and not regression:
        raise ValueError("problem: expected samples with 2 features or more to draw, received 1.")
    ax = axes_or_new(ax)
    if flat:
        xlabel, ylabel = "feature 0", _target_label(problem)
        places = {part: np.column_stack([x, _first_target(y)]) for part, (x, y) in parts.items()}
    else:
        (xlabel, ylabel), places = _in_the_plane(parts)
    if regression:
        _draw_targets(ax, problem, parts, places)
    else:
        _draw_classes(ax, problem, parts, places)
    if problem.feature_shape == (2,):
        _draw_bayes_boundary(problem, ax)
    counts = [f"{len(x)} {part}" for part, (x, _) in parts.items()]
    title = f"{literal(problem.name)}: {', '.join(counts[:-1])} and {counts[-1]} samples"
    if problem.bayes_accuracy is not None:
        train, test = problem.bayes_accuracy
        title += f"\nbest possible accuracy {train:.3f} (training), {test:.3f} (test)"
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if regression and not flat:  # the colours have their scale outside
        ax.legend(loc="upper left", fontsize="small")
    else:
        _legend_outside(ax)
    return ax


def _in_the_plane(parts: dict) -> tuple[tuple[str, str], dict[str, np.ndarray]]:
    """Return the names of two axes and where along them the samples of each part lie."""
    rows = {part: x.reshape(len(x), -1) for part, (x, _) in parts.items()}
    if rows["training"].shape[1] == 2:
        return ("feature 0", "feature 1"), rows
    components = PCA(2, random_state=0).fit(rows["training"])
    first, second = (
        f"principal component {place} ({share:.0%} of the variance)"
        for place, share in enumerate(components.explained_variance_ratio_, 1)
    )
    return (first, second), {part: components.transform(x) for part, x in rows.items()}


def _draw_classes(ax: Axes, problem: Problem, parts: dict, places: dict[str, np.ndarray]) -> None:
    for label in range(problem.n_outputs):
        style: dict[str, Any] = {
            "color": cycled(COLORS, label),
            "marker": cycled(MARKERS, label),
            "s": 16,
        }
        own = {
            "validation": {"marker": PART_MARKERS["validation"], "linewidths": 0.8},
            "test": _hollow(style),
        }
        for part, (_, y) in parts.items():
            name = f"{_class_name(problem, label)}, {part}"
            ax.scatter(*places[part][y == label].T, label=name, **style | own.get(part, {}))


def _draw_targets(ax: Axes, problem: Problem, parts: dict, places: dict[str, np.ndarray]) -> None:
    values = {part: _first_target(y) for part, (_, y) in parts.items()}
    every = np.concatenate(list(values.values()))
    by_color = problem.feature_shape != (1,)
    for place, (part, target) in enumerate(values.items()):
        style: dict[str, Any] = {"marker": PART_MARKERS[part], "s": 16, "label": part}
        if by_color:
            style |= {"c": target, "cmap": "viridis", "vmin": every.min(), "vmax": every.max()}
        else:
            style["color"] = cycled(COLORS, place)
        drawn = ax.scatter(*places[part].T, **style)
    if by_color:
        ax.figure.colorbar(drawn, ax=ax, pad=0.02).set_label(_target_label(problem))


def _first_target(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1)[:, 0]


def _target_label(problem: Problem) -> str:
    label = "target" if problem.n_outputs == 1 else f"target 0 of {problem.n_outputs}"
    return f"{label} (standard deviations)" if problem.target_scales else label


def _class_name(problem: Problem, label: int) -> str:
    return literal(problem.class_names[label]) if problem.class_names else f"class {label}"


def plot_decision_boundary(
    model: Callable, problem: Problem, *, ax: Axes | None = None, resolution: int = 200
) -> Axes:
    """Draw what a trained model believes: its class by colour, the more certain the deeper.

    Parameters
    ----------
    model : callable
        Samples (n, 2) -> class probabilities (n, n_classes), or (n, 1) for two classes; a Keras
        model such as `batchlab.trained_model` returns.
    problem : Problem
        With two features; its test samples are drawn, and the Bayes boundary if it is known.
    ax : matplotlib.axes.Axes or None
    resolution : int
        Points along each axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the problem is a regression or has other than two features, or the model returns other
        than probabilities of its classes.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=500, epochs=2, replicates=3)
    >>> model = bl.trained_model(bl.mlp, problem, history, replicate=0)
    >>> bl.plot_decision_boundary(model, problem, resolution=50).get_xlabel()
    'feature 0'
    """
    check_classification(problem, "decision boundaries")
    _check_plane(problem)
    resolution = whole_number("resolution", resolution, minimum=2)
    across, up, points = plane_grid(problem, resolution)
    probabilities = np.asarray(model(points))
    if problem.n_classes == 2 and probabilities.shape == (len(points), 1):
        probabilities = np.hstack([1 - probabilities, probabilities])
    n_classes = problem.n_outputs
    expected = len(points), n_classes
    if probabilities.shape != expected:
        raise ValueError(
            f"model: expected it to return probabilities of shape {expected}, received shape "
            f"{probabilities.shape}."
        )
    ax = axes_or_new(ax)
    believed = probabilities.argmax(axis=1).reshape(resolution, resolution)
    certainty = probabilities.max(axis=1).reshape(resolution, resolution)
    colors = ListedColormap([cycled(COLORS, label) for label in range(n_classes)])
    ax.imshow(
        colors(believed),
        alpha=0.65 * (certainty - 1 / n_classes) / (1 - 1 / n_classes),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    _draw_boundary(ax, across, up, believed, colors="black", linestyles="-")
    ax.plot([], [], "-", color="black", label="the model's boundary")
    _draw_bayes_boundary(problem, ax)
    for label in range(n_classes):
        style: dict[str, Any] = {
            "color": cycled(COLORS, label),
            "marker": cycled(MARKERS, label),
            "s": 14,
        }
        chosen = problem.x_test[problem.y_test == label]
        name = f"{_class_name(problem, label)}, test"
        ax.scatter(*chosen.T, label=name, edgecolors="white", linewidths=0.4, **style)
    ax.set(xlabel="feature 0", ylabel="feature 1")
    ax.set_title("class that the model believes in; the paler the less certain")
    _legend_outside(ax)
    return ax


def _hollow(style: dict) -> dict:
    return {"facecolors": "none", "edgecolors": style["color"], "linewidths": 0.8}


def _check_plane(problem: Problem) -> None:
    if problem.feature_shape != (2,):
        raise ValueError(
            f"problem: expected samples with 2 features to draw, received {problem.feature_shape}."
        )


def _legend_outside(ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > MOST_ENTRIES:  # of many classes the training samples stand for all
        kept = [place for place, label in enumerate(labels) if label.endswith("training")]
        handles, labels = ([each[place] for place in kept] for each in (handles, labels))
    ax.legend(
        handles[:MOST_ENTRIES],
        labels[:MOST_ENTRIES],
        loc="upper left",
        bbox_to_anchor=(1, 1),
        fontsize="small",
        frameon=False,
    )


def _draw_bayes_boundary(problem: Problem, ax: Axes) -> None:
    if problem.distribution is None:
        return
    across, up, points = plane_grid(problem)
    best = problem.distribution.predict(points).reshape(len(up), len(across))
    _draw_boundary(ax, across, up, best, colors="dimgray", linestyles="--")
    ax.plot([], [], "--", color="dimgray", label="Bayes boundary")


def _draw_boundary(
    ax: Axes, across: np.ndarray, up: np.ndarray, classes: np.ndarray, **style: Any
) -> None:
    for label in range(classes.max()):
        # Classes that had their turn are masked: a line drawn twice would fill its own dashes.
        inside = np.ma.masked_where(classes < label, (classes == label).astype(float))
        if 0 < inside.sum() < inside.count():
            ax.contour(across, up, inside, levels=[0.5], linewidths=1.2, **style)
