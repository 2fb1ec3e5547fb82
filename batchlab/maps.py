"""Figures of the plane of two features: a problem, and what a trained model believes of it.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from batchlab._checks import whole_number
from batchlab._style import COLORS, MARKERS, axes_or_new, cycled
from batchlab.data import Problem


def plot_problem(problem: Problem, *, ax: Axes | None = None) -> Axes:
    """Draw the samples by class, and the Bayes boundary if the distribution is known.

    Parameters
    ----------
    problem : Problem
        With two features.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the problem has other than two features.
    """
    _check_plane(problem)
    ax = axes_or_new(ax)
    for label in range(problem.n_classes):
        style = {"color": cycled(COLORS, label), "marker": cycled(MARKERS, label), "s": 16}
        train, test = problem.y_train == label, problem.y_test == label
        ax.scatter(*problem.x_train[train].T, label=f"class {label}, training", **style)
        ax.scatter(*problem.x_test[test].T, label=f"class {label}, test", **style | _hollow(style))
    _draw_bayes_boundary(problem, ax)
    title = f"{problem.name}: {problem.n_train} training and {problem.n_test} test samples"
    if problem.bayes_accuracy is not None:
        train, test = problem.bayes_accuracy
        title += f"\nbest possible accuracy {train:.3f} (training), {test:.3f} (test)"
    ax.set(xlabel="feature 0", ylabel="feature 1", title=title)
    _legend_outside(ax)
    return ax


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
        If the problem has other than two features, or the model returns other than probabilities
        of its classes.
    """
    _check_plane(problem)
    resolution = whole_number("resolution", resolution, minimum=2)
    across, up, points = plane_grid(problem, resolution)
    probabilities = np.asarray(model(points))
    if problem.n_classes == 2 and probabilities.shape == (len(points), 1):
        probabilities = np.hstack([1 - probabilities, probabilities])
    expected = len(points), problem.n_classes
    if probabilities.shape != expected:
        raise ValueError(
            f"model: expected it to return probabilities of shape {expected}, received shape "
            f"{probabilities.shape}."
        )
    ax = axes_or_new(ax)
    believed = probabilities.argmax(axis=1).reshape(resolution, resolution)
    certainty = probabilities.max(axis=1).reshape(resolution, resolution)
    colors = ListedColormap([cycled(COLORS, label) for label in range(problem.n_classes)])
    ax.imshow(
        colors(believed),
        alpha=0.65 * (certainty - 1 / problem.n_classes) / (1 - 1 / problem.n_classes),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    _draw_boundary(ax, across, up, believed, colors="black", linestyles="-")
    ax.plot([], [], "-", color="black", label="the model's boundary")
    _draw_bayes_boundary(problem, ax)
    for label in range(problem.n_classes):
        style = {"color": cycled(COLORS, label), "marker": cycled(MARKERS, label), "s": 14}
        chosen = problem.x_test[problem.y_test == label]
        ax.scatter(
            *chosen.T, label=f"class {label}, test", edgecolors="white", linewidths=0.4, **style
        )
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
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)


def plane_grid(
    problem: Problem, resolution: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a grid over the samples of a problem: along feature 0, along feature 1, its points."""
    samples = np.vstack([problem.x_train, problem.x_test])
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.05 * (high - low)
    across, up = np.linspace(low - margin, high + margin, resolution).T
    return across, up, np.column_stack([values.ravel() for values in np.meshgrid(across, up)])


def _draw_bayes_boundary(problem: Problem, ax: Axes) -> None:
    if problem.distribution is None:
        return
    across, up, points = plane_grid(problem)
    best = problem.distribution.predict(points).reshape(len(up), len(across))
    _draw_boundary(ax, across, up, best, colors="dimgray", linestyles="--")
    ax.plot([], [], "--", color="dimgray", label="Bayes boundary")


def _draw_boundary(ax: Axes, across, up, classes, **style) -> None:
    for label in range(classes.max()):
        # Classes that had their turn are masked: a line drawn twice would fill its own dashes.
        inside = np.ma.masked_where(classes < label, (classes == label).astype(float))
        if 0 < inside.sum() < inside.count():
            ax.contour(across, up, inside, levels=[0.5], linewidths=1.2, **style)
