"""The ledger: a verdict on every claim, from what was measured and the rule written beside it."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import xarray as xr

from batchlab.foundation.progress import progress_bar
from batchlab.ledger.claims import CLAIMS, Claim, Part
from batchlab.ledger.evidence.experiments import EXPERIMENTS
from batchlab.ledger.evidence.laboratory import Laboratory
from batchlab.ledger.rules import (
    CONDITIONAL,
    CONTRADICTED,
    VERDICTS,
    Effect,
    effect_of,
    together,
    whichever,
)


def laboratory(
    *, replicates: int = 30, seed: int = 0, store: str | os.PathLike[str] | None = None
) -> Laboratory:
    """Return the laboratory whose experiments decide the claims.

    Parameters
    ----------
    replicates : int
        Of the sources' own runs; experiments of many cells or long runs have fewer, as the ledger
        says of each.
    seed : int
        Of the first replicate.
    store : path or None
        A folder that keeps what was trained and measured, and from which it is taken later.

    Returns
    -------
    Laboratory
        It measures what is asked for, when it is first asked for.

    Raises
    ------
    TypeError, ValueError, OSError
        If a number is out of its range, or `store` cannot be written to.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.laboratory(replicates=2).runs("panels")[-12:]
    '2 replicates'
    """
    return Laboratory(EXPERIMENTS, replicates=replicates, seed=seed, store=store)


@dataclass(frozen=True)
class Finding:
    """A part of a claim under one condition.

    Attributes
    ----------
    part : int
        Which of the claim's parts, from 0.
    condition : tuple of str
        A label for each dimension; empty if there is but one.
    effect : Effect
    verdict : str
    """

    part: int
    condition: tuple[str, ...]
    effect: Effect
    verdict: str


@dataclass(frozen=True)
class Judged:
    """A claim with its findings and the verdict that follows from them."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def on_this_machine(self) -> bool:
        """Whether it was measured in seconds or resident memory: others have their own."""
        return any(EXPERIMENTS[part.experiment].machine for part in self.claim.parts)

    @property
    def verdict(self) -> str:
        """The verdict on the claim as a whole."""
        if not self.claim.unpublished:
            return together([finding.verdict for finding in self.findings])
        conditions = dict.fromkeys(finding.condition for finding in self.findings)
        return whichever(
            [
                [finding.verdict for finding in self.findings if finding.condition == condition]
                for condition in conditions
            ]
        )


def judge(claim: Claim, results: Sequence[xr.Dataset]) -> Judged:
    """Return what a claim comes to, given the results of its parts' experiments.

    Parameters
    ----------
    claim : Claim
    results : sequence of xarray.Dataset
        One for each part.

    Returns
    -------
    Judged

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> (claim,) = bl.choose_claims([37])
    >>> claim.statement
    'Batch size 512 makes two updates an epoch.'
    >>> judged = bl.judge(claim, [xr.Dataset({"larger_than_data": 1})])  # updates, by Keras
    >>> judged.verdict, judged.findings[0].effect.mean
    ('contradicted', 1.0)
    """
    findings = [
        Finding(place, condition, effect, part.rule.judge(effect))
        for place, (part, result) in enumerate(zip(claim.parts, results, strict=True))
        for condition, effect in _effects(part, result)
    ]
    return Judged(claim, tuple(findings))


def judge_all(
    laboratory: Laboratory, claims: Iterable[Claim] = CLAIMS, *, progress: bool | None = None
) -> list[Judged]:
    """Return what each claim comes to; experiments that were not run are run.

    Parameters
    ----------
    laboratory : Laboratory
    claims : iterable of Claim
    progress : bool or None
        None shows how many are judged where somebody watches.

    Returns
    -------
    list of Judged

    Examples
    --------
    `batchlab.laboratory` has the true experiments; here one is made up, which takes no time.

    >>> import xarray as xr
    >>> import batchlab as bl
    >>> from batchlab.ledger.evidence.laboratory import Experiment, Laboratory
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch
    >>> made_up = {"counted": Experiment("made up", lambda laboratory: updates)}
    >>> judged = bl.judge_all(Laboratory(made_up), bl.choose_claims([7, 37]))
    >>> [each.verdict for each in judged]
    ['reproduced', 'contradicted']
    """
    claims = list(claims)
    with progress_bar(len(claims), unit="claim", description="ledger", show=progress) as bar:
        found = []
        for claim in claims:
            results = [laboratory[part.experiment] for part in claim.parts]
            found.append(judge(claim, results))
            bar.update()
    return found


def _effects(part: Part, result: xr.Dataset) -> Iterable[tuple[tuple[str, ...], Effect]]:
    values = part.measure(result).reset_coords(drop=True)
    dims = [str(name) for name in values.dims if name != "replicate"]
    if not dims:
        yield (), effect_of(values.to_numpy())
        return
    stacked = values.stack(condition=dims)
    for place, labels in enumerate(stacked.indexes["condition"]):
        yield (
            tuple(map(_place_words, dims, labels)),
            effect_of(stacked.isel(condition=place).to_numpy()),
        )


def _place_words(dimension: str, value: str | float) -> str:
    if isinstance(value, str):
        return value
    number = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return f"{dimension.replace('_', ' ')} {number}"


def verdict_counts(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return how many claims of each source came to each verdict.

    Parameters
    ----------
    judged : sequence of Judged

    Returns
    -------
    pandas.DataFrame
        By source, in the order of their claims, and `all`; a column for each verdict.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> bl.verdict_counts(judged)[["reproduced", "contradicted"]]
               reproduced  contradicted
    source
    video               1             0
    Adam post           0             1
    all                 1             1
    """
    sources = [each.claim.source for each in judged]
    table = pd.crosstab(sources, [each.verdict for each in judged], rownames=["source"])
    table = table.reindex(list(dict.fromkeys(sources)), columns=list(VERDICTS), fill_value=0)
    table.columns.name = None
    return pd.concat([table, table.sum().rename("all").to_frame().T]).rename_axis("source")


def surprises(judged: Sequence[Judged], *, number: int = 5) -> list[tuple[Judged, Finding]]:
    """Return the claims that are furthest from what was measured, and under which condition.

    Those that are contradicted come first, then those that are under some conditions. How far is
    said in half-widths of the 95 % interval, from the nearest number of which the claim would be
    true to the mean: a claim is surprising if the measurement leaves it no room. What is counted
    has no interval, and what belongs to a machine is another on the next: they take no part.

    Parameters
    ----------
    judged : sequence of Judged
    number : int
        How many to return, at most.

    Returns
    -------
    list of (Judged, Finding)
        The most surprising first, each claim once.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[500], epochs=2, replicates=3)
    >>> (claim,) = bl.choose_claims([17])
    >>> judged = [bl.judge(claim, [study, study])]  # after 2 epochs instead of 200
    >>> [(each.claim.id, finding.verdict) for each, finding in bl.surprises(judged)]
    [(17, 'contradicted')]
    """
    ranked = []
    for each in judged:
        if each.verdict in (CONTRADICTED, CONDITIONAL) and not each.on_this_machine:
            furthest = max(each.findings, key=partial(_distance, each))
            distance = _distance(each, furthest)
            if distance > 0:
                ranked.append(((each.verdict == CONTRADICTED, distance), each, furthest))
    ranked.sort(key=lambda row: row[0], reverse=True)
    return [(each, finding) for _, each, finding in ranked[:number]]


def _distance(judged: Judged, finding: Finding) -> float:
    """Return how many half-widths of the interval a mean is from what is claimed; 0 if none."""
    effect = finding.effect
    width = (effect.high - effect.low) / 2
    if finding.verdict != CONTRADICTED or not width > 0:
        return 0.0
    low, high = judged.claim.parts[finding.part].rule.claimed
    return max(low - effect.mean, effect.mean - high) / width
