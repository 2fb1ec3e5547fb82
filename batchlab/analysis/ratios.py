"""Intervals over independent draws: of a mean, and of the ratio of two means."""

import numpy as np
from scipy import stats

from batchlab.analysis.intervals import CONFIDENCE


def mean_bounds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over draws and the ends of its 95 % interval by Student's t.

    Parameters
    ----------
    values : ndarray of shape (..., draws)
        At least two draws.

    Returns
    -------
    mean, low, high : ndarrays of shape (...)
    """
    draws = values.shape[-1]
    mean = values.mean(axis=-1)
    reach = _quantile(draws) * values.std(axis=-1, ddof=1) / np.sqrt(draws)
    return mean, mean - reach, mean + reach


def ratio_interval(
    above: np.ndarray, below: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ratio of two means over paired draws, which is not negative, and its interval.

    By Fieller's theorem: a ratio belongs to the 95 % interval if the mean of ``above - ratio *
    below`` cannot be told from zero by Student's t. So the interval is right also where the mean
    below can hardly be told from zero; it has no upper end where it cannot.

    Parameters
    ----------
    above, below : ndarrays of shape (..., draws)
        At least two draws.

    Returns
    -------
    ratio, low, high : ndarrays of shape (...)
        The ratio is infinite where the mean below is not above zero; NaN where a draw is.

    References
    ----------
    Fieller, "Some problems in interval estimation", 1954, section 5.
    """
    draws = above.shape[-1]
    mean_above, mean_below = above.mean(axis=-1), below.mean(axis=-1)
    own_above, own_below = above - mean_above[..., None], below - mean_below[..., None]
    factor = _quantile(draws) ** 2 / (draws * (draws - 1))
    # The ratios r with a r² - 2 b r + c <= 0.
    a = mean_below**2 - factor * (own_below**2).sum(axis=-1)
    b = mean_above * mean_below - factor * (own_above * own_below).sum(axis=-1)
    c = mean_above**2 - factor * (own_above**2).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(np.maximum(b**2 - a * c, 0))
        first, second = np.sort([(b - root) / a, (b + root) / a], axis=0)
        bounded = a > 0
        # Else it is all beyond two ends: of what is not negative, all above the second if the
        # first is below zero, and if there are no ends everything.
        some = ~bounded & (b**2 > a * c) & (first < 0)
        low = np.where(bounded, first, np.where(some, second, 0)).clip(0)
        high = np.where(bounded, second.clip(0), np.inf)
        ratio = np.where(mean_below > 0, mean_above / mean_below, np.inf).clip(0)
    unknown = np.isnan(mean_above) | np.isnan(mean_below)
    ratio, low, high = (np.where(unknown, np.nan, found) for found in (ratio, low, high))
    return ratio, low, high


def _quantile(draws: int) -> float:
    return stats.t.ppf((1 + CONFIDENCE) / 2, draws - 1)
