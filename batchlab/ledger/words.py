"""The ledger in words: a table of claims, and why some are contradicted."""

import html
from collections.abc import Iterable, Sequence
from typing import cast

import pandas as pd

from batchlab.ledger.claims import Claim
from batchlab.ledger.evidence.laboratory import Laboratory
from batchlab.ledger.judge import Finding, Judged, surprises, verdict_counts
from batchlab.ledger.rules import (
    CONDITIONAL,
    CONTRADICTED,
    REPRODUCED,
    UNDECIDED,
    Effect,
    Published,
    Rule,
)

_COLUMNS = (
    "id",
    "source",
    "claim",
    "measured",
    "on",
    "rule",
    "published",
    "effect",
    "verdict",
    "because",
)
LEAST_SHOWN = 1e-9  # below it, a number is the rounding of sums
_TOLD = {CONTRADICTED: "Contradicted", CONDITIONAL: "Not always"}
_IN_WORDS = {REPRODUCED: "holds", CONTRADICTED: "does not", UNDECIDED: "cannot be told"}


def ledger_table(judged: Sequence[Judged], laboratory: Laboratory) -> pd.DataFrame:
    """Return the ledger, a row for each claim.

    Parameters
    ----------
    judged : sequence of Judged
    laboratory : Laboratory
        That the experiments are from.

    Returns
    -------
    pandas.DataFrame
        By `id`; columns `source`, `claim`, `measured` (which quantity), `on` (which runs), `rule`
        (what must be so for the claim to be reproduced), `published` (the figures, where there are
        any), `effect` (the mean with its 95 % interval, for published numbers the central 95 % of
        the replicates; under several conditions the lowest and the highest), `verdict` and
        `because`. Several parts are numbered.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> bl.ledger_table(judged, bl.laboratory())[["source", "rule", "effect", "verdict"]]
           source                     rule effect       verdict
    id
    7       video  exactly 1, in every run      1    reproduced
    37  Adam post  exactly 2, in every run      1  contradicted
    """
    rows = [_row(each, laboratory) for each in judged]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).set_index("id")


def _row(judged: Judged, laboratory: Laboratory) -> dict[str, object]:
    claim = judged.claim
    rules = [str(part.rule) for part in claim.parts]
    published = [part.rule.number for part in claim.parts if isinstance(part.rule, Published)]
    return {
        "id": claim.id,
        "source": claim.source,
        "claim": claim.statement,
        "measured": _numbered(part.measured for part in claim.parts),
        "on": "; ".join(dict.fromkeys(laboratory.runs(part.experiment) for part in claim.parts)),
        "rule": rules[0] if len(set(rules)) == 1 else _numbered(rules),
        "published": ", ".join(published),
        "effect": _numbered(_effect(judged, place) for place in range(len(rules))),
        "verdict": judged.verdict,
        "because": because(judged),
    }


def findings_table(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return what was measured, a row for each part of each claim under each condition.

    Parameters
    ----------
    judged : sequence of Judged

    Returns
    -------
    pandas.DataFrame
        By claim, part (from 1) and condition; columns `mean`, `low` and `high` (the 95 % interval
        of the mean), `from` and `to` (the central 95 % of the replicates), to three significant
        digits, as text; `replicates` (0 where it is counted or computed) and `verdict`.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> bl.findings_table(judged)[["mean", "verdict"]]
                         mean       verdict
    claim part condition
    7     1                 1    reproduced
    37    1                 1  contradicted
    """
    places, rows = [], []
    for each in judged:
        for finding in each.findings:
            places.append((each.claim.id, finding.part + 1, ", ".join(finding.condition)))
            *numbers, values = finding.effect
            rows.append([*map(_rounded_to_3, numbers), values, finding.verdict])
    columns = ["mean", "low", "high", "from", "to", "replicates", "verdict"]
    names = ["claim", "part", "condition"]
    index = pd.MultiIndex.from_tuples(places, names=names) if places else None
    return pd.DataFrame(rows, index=index, columns=columns)


def because(judged: Judged) -> str:
    """Return under which conditions a claim holds, or why it cannot be decided; or nothing."""
    claim, findings = judged.claim, judged.findings
    if judged.verdict == UNDECIDED:
        return claim.unpublished or "the interval allows both"
    if judged.verdict != CONDITIONAL:
        return ""
    holding = [finding for finding in findings if finding.verdict == REPRODUCED]
    told = [_conditions(claim, findings, holding, place) for place in range(len(claim.parts))]
    return "; ".join(text for text in told if text)


def _conditions(
    claim: Claim, findings: Sequence[Finding], holding: Sequence[Finding], place: int
) -> str:
    """Return under which conditions one part holds."""
    name = f"({place + 1}) " if len(claim.parts) > 1 else ""
    every = [finding for finding in findings if finding.part == place]
    some = [finding.condition for finding in holding if finding.part == place]
    others = [finding.condition for finding in every if finding.condition not in some]
    if every[0].condition == ():
        return name + _IN_WORDS[every[0].verdict]
    if not some or not others:
        return f"{name}{'everywhere' if some else 'nowhere'}"
    if len(others) == 1:
        return f"{name}not {', '.join(others[0])}"
    # The last dimension is the one with few values: the rate, the epoch.
    groups: dict[str, list[str]] = {}
    for condition in some:
        group = condition[-1] if len(condition) > 1 else ""
        groups.setdefault(group, []).append(", ".join(condition[:-1] or condition))
    listed = [
        f"{group}: {' / '.join(names)}" if group else " / ".join(names)
        for group, names in groups.items()
    ]
    return name + "; ".join(listed)


def _effect(judged: Judged, place: int) -> str:
    rule = judged.claim.parts[place].rule
    found = [finding for finding in judged.findings if finding.part == place]
    if len(found) == 1:
        return _shown(found[0].effect, rule)
    ordered = sorted(found, key=lambda finding: finding.effect.mean)
    ends = [ordered[0], ordered[-1]]
    return " to ".join(f"{_shown(one.effect, rule)} ({', '.join(one.condition)})" for one in ends)


def _shown(effect: Effect, rule: Rule) -> str:
    if effect.values == 0 or effect.low == effect.high:
        return _rounded_to_3(effect.mean)
    text = (
        f"{_rounded_to_3(effect.mean)} [{_rounded_to_3(effect.low)}, {_rounded_to_3(effect.high)}]"
    )
    if isinstance(rule, Published):
        text += f", central 95 % {_rounded_to_3(effect.from_)} to {_rounded_to_3(effect.to)}"
    return text


def _rounded_to_3(value: float) -> str:
    if 0 < abs(value) < LEAST_SHOWN:
        return f"below {LEAST_SHOWN:g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _numbered(texts: Iterable[str]) -> str:
    texts = list(texts)
    if len(texts) == 1:
        return texts[0]
    return " ".join(f"({place + 1}) {text}" for place, text in enumerate(texts))


def reasons(judged: Sequence[Judged], *, figure: str) -> str:
    """Return why claims are not as a source says, of those that a figure is about.

    Parameters
    ----------
    judged : sequence of Judged
    figure : str
        As in `Claim.figure`.

    Returns
    -------
    str
        A paragraph for each claim that is contradicted, wholly or in part.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> print(bl.reasons(judged, figure="updates").splitlines()[0])
    37 (Adam post) Batch size 512 makes two updates an epoch.
    """
    told = [
        f"{each.claim.id} ({each.claim.source}) {each.claim.statement}\n"
        f"{_TOLD[each.verdict]}. {each.claim.why}"
        for each in judged
        if each.claim.figure == figure and each.verdict in (CONTRADICTED, CONDITIONAL)
    ]
    return "\n\n".join(told) or "Nothing is contradicted here."


def surprises_in_words(judged: Sequence[Judged], *, number: int = 5) -> list[str]:
    """Return the most surprising claims, what was measured instead, and under which condition.

    Parameters
    ----------
    judged : sequence of Judged
    number : int
        See `surprises`.

    Returns
    -------
    list of str
    """
    told = []
    for each, finding in surprises(judged, number=number):
        part = each.claim.parts[finding.part]
        condition = f" ({', '.join(finding.condition)})" if finding.condition else ""
        told.append(
            f"*{each.claim.statement}* ({each.claim.source}, claim {each.claim.id}) "
            f"{_TOLD[each.verdict]}: {part.measured}{condition} is "
            f"{_shown(finding.effect, part.rule)}."
        )
    return told


def ledger_summary(judged: Sequence[Judged]) -> str:
    """Return the ledger in a few lines: how many claims came to what, and the most surprising.

    Parameters
    ----------
    judged : sequence of Judged

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> print(bl.ledger_summary(judged))
    Of 2 claims 1 is reproduced, 0 hold only under conditions or in part, 1 is contradicted, and 0
    cannot be decided here.
    """
    counted = cast(pd.Series, verdict_counts(judged).loc["all"])
    lines = [
        f"Of {_so_many(len(judged), 'claim', 'claims')} "
        f"{_so_many(counted[REPRODUCED], 'is', 'are')} reproduced, "
        f"{_so_many(counted[CONDITIONAL], 'holds', 'hold')} only under conditions or in part, "
        f"{_so_many(counted[CONTRADICTED], 'is', 'are')} contradicted, and "
        f"{counted[UNDECIDED]} cannot be decided here.",
        "",
        *(f"{place}. {text}" for place, text in enumerate(surprises_in_words(judged), start=1)),
    ]
    return "\n".join(lines)


def _so_many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def ledger_page(judged: Sequence[Judged], laboratory: Laboratory) -> str:
    """Return the ledger as a table in HTML, to be read rather than computed with.

    Parameters
    ----------
    judged : sequence of Judged
    laboratory : Laboratory
        That the experiments are from.

    Returns
    -------
    str
        A row for each claim: what it says; what was measured, on which runs, and by which rule;
        the effect; the verdict.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.Dataset({"full": 1, "larger_than_data": 1})  # of an epoch, by Keras
    >>> judged = [bl.judge(claim, [updates]) for claim in bl.choose_claims([7, 37])]
    >>> page = bl.ledger_page(judged, bl.laboratory())
    >>> page.count("<tr>"), "Batch size 512 makes two updates" in page
    (3, True)
    """
    table = ledger_table(judged, laboratory).map(html.escape)
    rows = "".join(
        f"<tr><td>{number}</td><td>{row.claim}<br><small>{row.source}</small></td>"
        f"<td>{row.measured}<br><small>{row.on}</small></td><td>{row.rule}</td>"
        f"<td>{row.published or '–'}</td><td>{row.effect}</td>"
        f"<td><b>{row.verdict}</b><br>{row.because}</td></tr>\n"
        for number, row in table.iterrows()
    )
    names = (
        "",
        "claim",
        "measured, on which runs",
        "reproduced if",
        "published",
        "effect",
        "verdict",
    )
    head = "".join(f"<th>{name}</th>" for name in names)
    style = ".ledger td, .ledger th {text-align: left; vertical-align: top}"
    return (
        f"<style>{style}</style><table class='ledger'><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table>"
    )
