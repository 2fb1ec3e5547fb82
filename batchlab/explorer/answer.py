"""An answer of the explorer: a history, and what is drawn and said of it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
import xarray as xr

from batchlab.analysis.evaluate import diverged, final_values
from batchlab.analysis.intervals import Interval, mean_interval
from batchlab.explorer.setting import Setting
from batchlab.figures.curves import PARTS, band_of
from batchlab.problems.plane import plane_grid
from batchlab.problems.problem import BayesAccuracy, Problem

RESOLUTION = 50


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a setting.

    Attributes
    ----------
    setting : Setting
        What was trained: perhaps fewer epochs or replicates than were asked for.
    history : xarray.Dataset
        From `batchlab.fit`, with the weights of each epoch.
    problem : Problem
    whole : Setting or None
        What was asked for; None is `setting`.
    """

    setting: Setting
    history: xr.Dataset = field(repr=False)
    problem: Problem = field(repr=False)
    whole: Setting | None = None

    @property
    def asked(self) -> Setting:
        """The setting that was asked for."""
        return self.whole or self.setting

    @property
    def complete(self) -> bool:
        """Whether this is all that was asked for."""
        return self.asked == self.setting

    @cached_property
    def lost(self) -> np.ndarray:
        """Which replicates diverged, ndarray of bool, shape (replicates,)."""
        return diverged(self.history).to_numpy()

    @cached_property
    def ends(self) -> np.ndarray:
        """After how many epochs each replicate's loss was still finite, shape (replicates,)."""
        finite = np.isfinite(self.history["loss"]) & np.isfinite(self.history["val_loss"])
        finite = cast(xr.DataArray, finite & np.isfinite(self.history["train_loss"])).to_numpy()
        return np.where(finite.all(axis=1), finite.shape[1], finite.argmin(axis=1))

    def final(self, metric: str) -> Interval[float]:
        """Return a metric after the last epoch: mean and 95 % interval of the sound replicates."""
        values = final_values(self.history, metric).dropna("replicate").to_numpy()
        return Interval(*map(float, mean_interval(values)))

    @property
    def ceiling(self) -> BayesAccuracy:
        """The accuracy of the Bayes rule, which is known of every problem of the explorer."""
        return cast(BayesAccuracy, self.problem.bayes_accuracy)

    def band(self, part: str, kind: str) -> Interval[np.ndarray]:
        """Return a learning curve's mean and interval after each epoch, over the sound replicates.

        Parameters
        ----------
        part : {"train", "test"}
        kind : {"accuracy", "loss"}
        """
        return band_of(self.history, kind, part)

    def curves(self, part: str, kind: str) -> np.ndarray:
        """Return each replicate's curve, NaN from where it diverged; shape (replicates, epochs)."""
        values = self.history[PARTS[part] + kind].transpose("replicate", "epoch").to_numpy()
        return np.where(np.arange(values.shape[1]) < self.ends[:, None], values, np.nan)

    @cached_property
    def moved(self) -> float:
        """How far a replicate's test accuracy moves from one epoch to the next, late in training.

        The mean size of the change over the last quarter of the epochs and the sound replicates;
        NaN where there are none, or fewer than two epochs in the quarter.
        """
        curves = self.curves("test", "accuracy")[~self.lost]
        late = curves[:, -max(self.setting.epochs // 4, 1) :]
        changes = np.abs(np.diff(late, axis=1))
        return float(changes.mean()) if changes.size else float("nan")

    @cached_property
    def numbers(self) -> dict[str, float]:
        """What the table shows, by name: accuracies and losses with intervals, what was spent."""
        found: dict[str, float] = {}
        for metric in ("val_accuracy", "train_accuracy", "val_loss", "train_loss"):
            found |= {
                f"{metric}_{name}": value for name, value in self.final(metric)._asdict().items()
            }
        ceiling = self.ceiling
        attributes = self.history.attrs
        return found | {
            "bayes_test_accuracy": ceiling.test,
            "bayes_train_accuracy": ceiling.train,
            "epochs": self.setting.epochs,
            "updates_per_epoch": self.setting.updates_per_epoch,
            "updates": attributes["updates"],
            "replicates": self.setting.replicates,
            "diverged": int(self.lost.sum()),
            "moved": self.moved,
            "seconds": attributes["training_seconds"],
            "compile_seconds": attributes["compile_seconds"],
        }

    @cached_property
    def grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The grid of the decision boundary: along feature 0, along feature 1, its points."""
        return plane_grid(self.problem, RESOLUTION)

    def shares(self, epoch: int) -> np.ndarray:
        """Return the share of the replicates that believe in each class, over the plane.

        Parameters
        ----------
        epoch : int
            After which, counted from 1; 0 is the start.

        Returns
        -------
        ndarray of shape (points, n_classes)
            The points are those of `grid`; replicates that have diverged by then are left out, and
            it is NaN if there are no others.
        """
        weights = self.history["initial_weights"]
        if epoch:
            weights = self.history["epoch_weights"].isel(epoch=epoch - 1)
        sound = weights.to_numpy()[(self.ends >= epoch)]
        if not len(sound):
            return np.full((len(self.grid[2]), self.problem.n_outputs), np.nan)
        units, points = self.setting.hidden_units, self.grid[2]
        # One at a time: what lies between the layers then stays in the processor's cache.
        believed = np.stack([outputs(one[None], points, units)[0].argmax(axis=1) for one in sound])
        return (believed[:, :, None] == np.arange(self.problem.n_outputs)).mean(axis=0)


def outputs(weights: np.ndarray, points: np.ndarray, hidden_units: int) -> np.ndarray:
    """Return what networks of one hidden layer put out, before the softmax.

    Keras takes 20 ms a model to do the same for each replicate and epoch.

    Parameters
    ----------
    weights : ndarray of shape (models, n_parameters)
        In the order of ``model.get_weights()``.
    points : ndarray of shape (n, n_features)
    hidden_units : int

    Returns
    -------
    ndarray of shape (models, n, n_classes)
    """
    n_features = points.shape[1]
    first = n_features * hidden_units
    kernel = weights[:, :first].reshape(-1, n_features, hidden_units)
    bias = weights[:, None, first : first + hidden_units]
    rest = weights[:, first + hidden_units :]
    n_classes = rest.shape[1] // (hidden_units + 1)
    last_kernel = rest[:, :-n_classes].reshape(-1, hidden_units, n_classes)
    hidden = points @ kernel
    hidden += bias
    np.maximum(hidden, 0, out=hidden)
    return hidden @ last_kernel + rest[:, None, -n_classes:]
