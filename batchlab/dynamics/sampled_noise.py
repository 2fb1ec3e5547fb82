"""The noise of minibatch gradients by experiment: from minibatches that are drawn."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from batchlab.analysis.ratios import mean_bounds, ratio_interval
from batchlab.dynamics.kept_weights import kept_weights
from batchlab.dynamics.noise import checked_sizes
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import LARGEST_SEED, shown, whole_number
from batchlab.problems.problem import Problem


def sampled_norms(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    batch_size: Sequence[int],
    draws: int = 100,
    seed: int = 0,
    loss: keras.losses.Loss | None = None,
) -> xr.Dataset:
    """Return the norm of minibatch gradients, from minibatches that are drawn.

    What `minibatch_norms` computes, by experiment, and also the mean of the norm itself.

    Parameters
    ----------
    build, problem, history, loss
        As in `gradient_noise`.
    batch_size : sequence of int
        Samples in a minibatch, from 1 to n_train each, drawn without replacement.
    draws : int
        Minibatches of each size, at least 2.
    seed : int
        Of the draws. They depend on it and on the replicate, and are the same for all cells and
        records of a replicate.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (grid…, replicate, record…, batch_size): `squared_norm` and `norm`,
        means over the draws of the averaged gradient's squared norm and norm, and
        `squared_norm_low`, `squared_norm_high`, `norm_low`, `norm_high`, their 95 % intervals
        (Student's t).

    Raises
    ------
    TypeError, ValueError
        As `gradient_noise`, or if a number is out of its range.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2)
    >>> bl.sampled_norms(bl.mlp, problem, history, batch_size=[8, 64])["norm"].dims
    ('replicate', 'batch_size')
    """
    kept = kept_weights(build, problem, history, loss=loss)
    if "batch_size" in kept.weights.dims:
        raise ValueError(
            "history: expected weights trained with one batch size, received the dimension "
            "batch_size; choose with .sel(batch_size=…)."
        )
    sizes = checked_sizes(batch_size, problem.n_train)
    draws = whole_number("draws", draws, minimum=2)
    columns = []
    for size in sizes:
        own = _drawn(kept.replicates, problem.n_train, size, 1, draws, seed)
        samples = problem.x_train, problem.y_train
        squared = kept.surface.minibatch_norms(kept.rows, samples, own)[:, :, 1]
        columns.append([*mean_bounds(squared), *mean_bounds(np.sqrt(squared))])
    names = [
        f"{name}{bound}" for name in ("squared_norm", "norm") for bound in ("", "_low", "_high")
    ]
    values = np.moveaxis(np.array(columns), 0, -1)
    return xr.Dataset(
        {
            name: kept.labelled(column, batch_size=sizes)
            for name, column in zip(names, values, strict=True)
        },
        attrs={"n_train": problem.n_train},
    )


def estimate_noise(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    small: int,
    big: int,
    draws: int = 100,
    seed: int = 0,
    loss: keras.losses.Loss | None = None,
) -> xr.Dataset:
    """Return the noise scale from gradients of two batch sizes alone, as large models must.

    Each draw is a big batch made of small ones. With the mean squared norm of the small ones' and
    the squared norm of the big one's averaged gradient, tr Σ and ‖∇f‖² are the solution of two
    equations. The batches are drawn without replacement from n_train samples, so the second of
    McCandlish's estimates is of ‖∇f‖² - tr Σ / n_train; that is put right here.

    Parameters
    ----------
    build, problem, history, loss
        As in `gradient_noise`.
    small, big : int
        Samples in the batches, ``big`` a multiple of ``small``, and at most n_train.
    draws : int
        Big batches, at least 2; the interval wants some tens, since squares of norms are skewed.
    seed : int
        As in `sampled_norms`.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (grid…, replicate, record…): `noise_scale`, the ratio of
        `noise_trace` and `squared_norm`, infinite where the latter is not above zero; `low` and
        `high`, the noise scale's 95 % interval over the draws by Fieller's theorem. The interval
        has no upper end where the squared norm cannot be told from zero.

    Raises
    ------
    TypeError, ValueError
        As `gradient_noise`, or if a number is out of its range.

    References
    ----------
    McCandlish, Kaplan, Amodei et al., "An empirical model of large-batch training", 2018,
    appendix A.1. Fieller, "Some problems in interval estimation", 1954.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2)
    >>> found = bl.estimate_noise(bl.mlp, problem, history, small=5, big=50)
    >>> bool(found["low"] < found["noise_scale"])
    True
    """
    kept = kept_weights(build, problem, history, loss=loss)
    n_train = problem.n_train
    small = whole_number("small", small, minimum=1, maximum=n_train // 2)
    big = whole_number("big", big, minimum=2 * small, maximum=n_train)
    if big % small:
        raise ValueError(
            f"big: expected a multiple of small, which is {small}, received {shown(big)}."
        )
    draws = whole_number("draws", draws, minimum=2)
    own = _drawn(kept.replicates, n_train, small, big // small, draws, seed)
    samples = problem.x_train, problem.y_train
    of_small, of_big = np.moveaxis(kept.surface.minibatch_norms(kept.rows, samples, own), -1, 0)
    trace = (of_small - of_big) / (1 / small - 1 / big)
    squared = (big * of_big - small * of_small) / (big - small) + trace / n_train
    ratio, low, high = ratio_interval(trace, squared)
    found = {"noise_scale": ratio, "low": low, "high": high}
    found |= {"noise_trace": trace.mean(axis=1), "squared_norm": squared.mean(axis=1)}
    return xr.Dataset(
        {name: kept.labelled(values) for name, values in found.items()}, attrs={"n_train": n_train}
    )


def _drawn(
    replicates: np.ndarray, n_train: int, size: int, parts: int, draws: int, seed: int
) -> Callable[[int], np.ndarray]:
    """Return the function row -> which samples are drawn, int32 of shape (draws, parts, size)."""
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED)
    drawn = {}
    for label in np.unique(replicates):
        generator = np.random.default_rng([seed, int(label)])
        rows = [generator.choice(n_train, parts * size, replace=False) for _ in range(draws)]
        drawn[label] = np.array(rows, "int32").reshape(draws, parts, size)
    return lambda row: drawn[replicates[row]]
