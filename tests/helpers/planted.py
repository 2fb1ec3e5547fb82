"""Problems whose critical batch size is known by construction, and what it is.

Linear regressions without noise in their targets: the loss is a sum over directions of curvature
1, 1/2, … 1/32, from the same start in all of them. All noise of the gradient comes from drawing
samples. A share of them is empty, all features zero, the others larger in return, so that the
curvature stays as it is: if one in `empty_to_full` is full, a batch says as much as one that many
times smaller without empty ones, and the critical batch size is about that many times larger.

What it is in numbers is simulated here, in NumPy, on fresh samples and at the rates that the search
chooses from, without anything of the library but the curve that is fitted. Between two of these
rates an update may be worth up to seven percent more, and not as much more at each batch size: at
rates an eighth of an octave apart the critical batch sizes are others by two percent.
"""

import numpy as np
import xarray as xr

import batchlab as bl
from batchlab.foundation.backend import keras

CURVATURES = 1 / np.arange(1, 33)
# The mean squared error at the start is the sum of the curvatures.
TARGET = CURVATURES.sum() / 20
SIZES = [1, 4, 16, 64, 256]
RATES = 0.1 * 2 ** (np.arange(-12, 19) / 2)


def problem(seed, *, empty_to_full=1, n_train=16_384, n_validation=1024):
    """Return a planted problem; without noise at all if `empty_to_full` is zero."""
    generator = np.random.default_rng(seed)
    parts = [_whitened(generator, count, empty_to_full) for count in (n_train, n_validation)]
    x_train, x_validation = (part * np.sqrt(CURVATURES) for part in parts)

    def targets(x):
        return 1e-3 * x.sum(axis=1)

    return bl.from_arrays(
        x_train,
        targets(x_train),
        x_validation[:8],
        targets(x_validation[:8]),
        x_validation=x_validation,
        y_validation=targets(x_validation),
        task="regression",
        name="planted",
    )


def without_difference(seed, *, n_train=1024, n_validation=256):
    """Return a problem on which all samples have nearly the same gradient: no batch beats another.

    A feature of one size, plus or minus one, and hardly any noise in the target.
    """
    generator = np.random.default_rng(seed)
    x = generator.choice([-1.0, 1.0], size=(n_train + n_validation, 1))
    y = 1e-3 * x[:, 0] + 1e-2 * generator.normal(size=len(x))
    return bl.from_arrays(
        x[:n_train],
        y[:n_train],
        x[-8:],
        y[-8:],
        x_validation=x[n_train:],
        y_validation=y[n_train:],
        task="regression",
        name="planted",
    )


def line(problem):
    """Return a model that is a weighted sum of the features, and starts as their plain sum."""
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", dtype="float64"),
        ]
    )


def true_critical_batch_size(*, empty_to_full, samples=20_000):
    """Return b_noise of the simulated updates to the target, at the best rates.

    About `samples` of each batch size's first update, of all replicates together: where batches are
    large the replicates are alike, and few will do. A fifth of them say which rates are the best.
    Five times as many samples, and four times as many replicates at most, gave 11.45 and 38.58
    where these give 11.42 and 38.78.
    """
    generator = np.random.default_rng(1)
    updates = []
    for size in SIZES:
        replicates = int(np.clip(samples // size, 50, 1000))
        few = max(replicates // 5, 20)

        def mean(rate, count, size=size):
            return _simulated(generator, size, rate, empty_to_full, count).mean()

        # From a rate that is sure to be too small upwards, until it gets worse.
        rates = RATES[RATES >= 0.4 / (1 + 16 * empty_to_full / size)]
        coarse = [mean(rates[place], few) for place in range(3)]
        while coarse[-1] <= 1.1 * min(coarse):
            coarse.append(mean(rates[len(coarse)], few))
        best = np.argsort(coarse)[:2]
        updates.append(min(mean(rates[place], replicates) for place in best))
    study = xr.Dataset(
        {"update": (("batch_size", "replicate"), np.array(updates)[:, None])},
        coords={"batch_size": SIZES},
    )
    return bl.critical_batch_size(study).loc["b_noise", "fitted"]


def _whitened(generator, count, empty_to_full):
    """Return samples whose second moments are the identity, exactly."""
    x = _drawn(generator, count, empty_to_full)
    return x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / count)).T


def _drawn(generator, count, empty_to_full):
    x = np.zeros((count, len(CURVATURES)))
    full = generator.random(count) < 1 / empty_to_full
    x[full] = np.sqrt(empty_to_full) * generator.normal(size=(full.sum(), len(CURVATURES)))
    return x


def _simulated(generator, size, rate, empty_to_full, replicates):
    """Return the updates until each replicate's loss is at the target, NaN if it diverges."""
    weights = np.ones((replicates, len(CURVATURES)))
    updates = np.full(replicates, np.nan)
    left = np.arange(replicates)
    for update in range(1, 10_000):
        x = _drawn(generator, len(left) * size, empty_to_full) * np.sqrt(CURVATURES)
        x = x.reshape(len(left), size, -1)
        residuals = np.einsum("rbd,rd->rb", x, weights[left])
        weights[left] -= 2 * rate * np.einsum("rb,rbd->rd", residuals, x) / size
        losses = (CURVATURES * weights[left] ** 2).sum(axis=1)
        updates[left[losses <= TARGET]] = update
        left = left[(losses > TARGET) & (losses < 1e6)]
        if not left.size:
            break
    return np.where(np.isnan(updates), np.inf, updates)
