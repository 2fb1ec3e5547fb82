"""The plane of two features: a problem's samples in it, and a grid over them."""

import numpy as np

from batchlab.problems.problem import Problem


def plane_grid(
    problem: Problem, resolution: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a grid over the samples of a problem: along feature 0, along feature 1, its points."""
    samples = np.vstack([x for x, _ in parts_of(problem).values()])
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.05 * (high - low)
    across, up = np.linspace(low - margin, high + margin, resolution).T
    return across, up, np.column_stack([values.ravel() for values in np.meshgrid(across, up)])


def parts_of(problem: Problem) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the samples and labels or targets of each part that there is, by its name."""
    parts = {"training": (problem.x_train, problem.y_train)}
    if problem.x_validation is not None:
        parts["validation"] = problem.held_out[1:]
    return parts | {"test": (problem.x_test, problem.y_test)}
