"""Rules that turn what was measured into a verdict: one rule for claims of one kind.

Imports neither TensorFlow nor Keras. A rule is written down before its result is known, says in its
own words what it asks, and can come out each way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from batchlab.analysis.intervals import CONFIDENCE, mean_interval

REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
CONDITIONAL = "holds only if"
UNDECIDED = "cannot be decided here"
VERDICTS = (REPRODUCED, CONDITIONAL, CONTRADICTED, UNDECIDED)

# What "much", "very" or "dramatically" is taken to mean where a claim gives no number: of a ratio,
# a factor of two; of accuracies, a point, one sample in a hundred.
MUCH = 2.0
POINT = 0.01


class Effect(NamedTuple):
    """A quantity over the replicates.

    `mean`, with the 95 % interval of the mean (`low`, `high`), and the central 95 % of the
    replicates (`from_`, `to`). `values` is how many replicates there are; 0 where the quantity is
    counted or computed, without a replicate, and the interval is the number itself.
    """

    mean: float
    low: float
    high: float
    from_: float
    to: float
    values: int


class Rule(Protocol):
    """What a claim asks of a quantity; ``str(rule)`` says it in words."""

    @property
    def claimed(self) -> tuple[float, float]:
        """Between which numbers the quantity lies if the claim is true."""

    def judge(self, effect: Effect) -> str:
        """Return `REPRODUCED`, `CONTRADICTED` or `UNDECIDED`."""


def effect_of(values: np.ndarray) -> Effect:
    """Return a quantity over the replicates that have it.

    Parameters
    ----------
    values : ndarray of shape (replicates,) or ()
        What is not finite is no value. Without an axis: a number that has no spread.

    Returns
    -------
    Effect
        All NaN if no replicate has a value; of a single replicate there is no interval.
    """
    values = np.asarray(values, "float64")
    if values.ndim == 0:
        number = float(values)
        return Effect(number, number, number, number, number, 0)
    values = values[np.isfinite(values)]
    mean, low, high = (float(number) for number in mean_interval(values))
    if len(values) < 2:
        return Effect(mean, low, high, np.nan, np.nan, len(values))
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    from_, to = map(float, np.quantile(values, tails))
    return Effect(mean, low, high, from_, to, len(values))


@dataclass(frozen=True)
class Exactly:
    """A number that is counted, not estimated.

    Attributes
    ----------
    expected : float
    """

    expected: float

    def __str__(self) -> str:
        """Return what the rule asks, in words."""
        return f"exactly {self.expected:,g}, in every run"

    @property
    def claimed(self) -> tuple[float, float]:
        """The number."""
        return self.expected, self.expected

    def judge(self, effect: Effect) -> str:
        """Return the verdict: it is that number in every replicate, or it is not."""
        if np.isnan(effect.from_):
            return UNDECIDED
        same = effect.low == effect.high == effect.from_ == effect.to == self.expected
        return REPRODUCED if same else CONTRADICTED


@dataclass(frozen=True)
class Published:
    """A published number: reproduced when it lies within the central 95 % of the replicates.

    Attributes
    ----------
    low, high : float
        What was published; `high` if it was a range, of which any part may lie within.
    decimals : int
        To which it was published: half a unit of the last is its rounding; -1 is "about 30".
    unit : str
        For the words.
    """

    low: float
    high: float | None = None
    decimals: int = 3
    unit: str = ""

    def __str__(self) -> str:
        """Return what the rule asks, in words."""
        return f"{self.number} within the central 95 % of the replicates"

    @property
    def number(self) -> str:
        """What was published, as it was."""
        bounds = (self.low,) if self.high is None else (self.low, self.high)
        decimals = max(self.decimals, 0)
        return " to ".join(f"{bound:,.{decimals}f}" for bound in bounds) + self.unit

    def judge(self, effect: Effect) -> str:
        """Return the verdict: the number lies among the replicates, or it does not."""
        if np.isnan(effect.from_):
            return UNDECIDED
        low, high = self.claimed
        return REPRODUCED if low <= effect.to and effect.from_ <= high else CONTRADICTED

    @property
    def claimed(self) -> tuple[float, float]:
        """What was published, with its rounding."""
        rounding = 0.5 * 10.0**-self.decimals
        return self.low - rounding, (self.low if self.high is None else self.high) + rounding


@dataclass(frozen=True)
class Above:
    """A mean that is larger than a bound; or, of `Below`, smaller.

    Attributes
    ----------
    bound : float
    matters : float or None
        A difference from the bound that is smaller than this matters to nobody: where the whole
        interval lies that near, on either side of the bound, the claimed difference is refuted.
    """

    bound: float = 0.0
    matters: float | None = None

    def __str__(self) -> str:
        """Return what the rule asks, in words."""
        return f"95 % interval of the mean above {self.bound:,g}{self._nothing()}"

    @property
    def claimed(self) -> tuple[float, float]:
        """From the bound upwards."""
        return self.bound, np.inf

    def judge(self, effect: Effect) -> str:
        """Return the verdict: the interval lies beyond the bound, before it, or on both sides."""
        return self._verdict(effect.low - self.bound, effect.high - self.bound)

    def _verdict(self, low: float, high: float) -> str:
        if self.matters is not None and -self.matters <= low and high <= self.matters:
            return CONTRADICTED
        if low > 0:
            return REPRODUCED
        # An exact number has an interval without width: at the bound it is not beyond it.
        return CONTRADICTED if high < 0 or low == high == 0 else UNDECIDED

    def _nothing(self) -> str:
        return "" if self.matters is None else f"; all of it within {self.matters:g}: no difference"


@dataclass(frozen=True)
class Below(Above):
    """A mean that is smaller than a bound: `Above`, the other way round."""

    def __str__(self) -> str:
        """Return what the rule asks, in words."""
        return f"95 % interval of the mean below {self.bound:,g}{self._nothing()}"

    @property
    def claimed(self) -> tuple[float, float]:
        """From the bound downwards."""
        return -np.inf, self.bound

    def judge(self, effect: Effect) -> str:
        """Return the verdict: the interval lies below the bound, above it, or on both sides."""
        return self._verdict(self.bound - effect.high, self.bound - effect.low)


@dataclass(frozen=True)
class Near:
    """A mean that is a number, to within a margin that is said.

    Attributes
    ----------
    value, margin : float
    """

    value: float
    margin: float

    def __str__(self) -> str:
        """Return what the rule asks, in words."""
        return f"95 % interval of the mean within {self.margin:g} of {self.value:,g}"

    @property
    def claimed(self) -> tuple[float, float]:
        """The number with its margin."""
        return self.value - self.margin, self.value + self.margin

    def judge(self, effect: Effect) -> str:
        """Return the verdict: the interval lies within the margin, outside, or on its edge."""
        if np.isnan(effect.low):
            return UNDECIDED
        low, high = self.claimed
        if low <= effect.low and effect.high <= high:
            return REPRODUCED
        return CONTRADICTED if effect.low > high or effect.high < low else UNDECIDED


def together(verdicts: Sequence[str]) -> str:
    """Return the verdict on a claim from those on its parts, under each of its conditions.

    Reproduced if all are; it holds only under conditions if some are; if none is, contradicted
    where any is contradicted, and else it cannot be decided.

    Parameters
    ----------
    verdicts : sequence of str
        None at all decide nothing.

    Returns
    -------
    str
    """
    if not verdicts:
        return UNDECIDED
    if all(verdict == REPRODUCED for verdict in verdicts):
        return REPRODUCED
    if REPRODUCED in verdicts:
        return CONDITIONAL
    return CONTRADICTED if CONTRADICTED in verdicts else UNDECIDED


def whichever(verdicts: Sequence[Sequence[str]]) -> str:
    """Return the verdict on a claim whose condition was not published: it could be any of these.

    Reproduced if it is under every condition, contradicted if under none: a part that fails is
    enough. Between the two it cannot be decided, since it depends on what nobody knows.

    Parameters
    ----------
    verdicts : sequence of sequence of str
        Of its parts, for each of the conditions.

    Returns
    -------
    str
    """
    if not verdicts:
        return UNDECIDED
    if all(verdict == REPRODUCED for parts in verdicts for verdict in parts):
        return REPRODUCED
    return CONTRADICTED if all(CONTRADICTED in parts for parts in verdicts) else UNDECIDED
