"""What a claim is, and parts that several claims have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import xarray as xr

from batchlab.ledger.evidence import measures
from batchlab.ledger.rules import Published, Rule


@dataclass(frozen=True)
class Part:
    """One quantity that a claim is decided by.

    Attributes
    ----------
    measured : str
        Which quantity, in words.
    experiment : str
        On which runs: a name in `batchlab.ledger.evidence.experiments.EXPERIMENTS`.
    measure : callable
        The experiment's result -> DataArray; its dimensions beside `replicate` are conditions,
        each judged by itself.
    rule : Rule
        What turns it into a verdict.
    """

    measured: str
    experiment: str
    measure: Callable[[xr.Dataset], xr.DataArray]
    rule: Rule


@dataclass(frozen=True)
class Claim:
    """A claim of a source. It holds if all of its parts do.

    Attributes
    ----------
    id : int
    source : str
        Whose claim it is.
    statement : str
        The claim, in our words.
    parts : tuple of Part
        At least one.
    unpublished : str
        Where the conditions are possible values of what the source leaves out: that it does, as
        the reason why the claim cannot be decided if it holds under some of them only.
    figure : str
        Which figure shows why, if the claim is contradicted; and
    why : str
        in words.
    """

    id: int
    source: str
    statement: str
    parts: tuple[Part, ...]
    unpublished: str = ""
    figure: str = ""
    why: str = ""


def accuracies(experiment: str, train: float, test: float, **place: Any) -> tuple[Part, Part]:
    """Return the parts of a claim that publishes two final accuracies, at a place of a grid."""
    return (
        Part(
            "final training accuracy",
            experiment,
            partial(measures.final, metric="train_accuracy", **place),
            Published(train),
        ),
        Part("final test accuracy", experiment, partial(measures.final, **place), Published(test)),
    )


def stable_at(epoch: float, batch_size: int) -> Part:
    """Return the part of a claim that a batch size is stable after so many epochs."""
    return Part(
        f"epoch from which batch size {batch_size} stays within a point of where it ends",
        "Adam",
        partial(measures.stable_from, batch_size=batch_size),
        Published(epoch, decimals=-1),
    )


def seconds_ratio(of: list[int], than: list[int], source: str = "video") -> Callable:
    """Return the measure of what an epoch takes at some batch sizes by what it takes at others."""
    dimension = f"{source}_batch_size"
    return partial(measures.ratio, name=source, of={dimension: of}, than={dimension: than})
