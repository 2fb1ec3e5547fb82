"""The verdict of a recommendation: what was measured of the batch sizes, in a few sentences.

Imports neither TensorFlow nor Keras.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.critical import complete, critical_batch_size
from batchlab.histories.metrics import is_accuracy
from batchlab.recommendation.weigh import weigh

# Batch sizes that cannot be told apart are said to be equal only where a difference by this factor
# would have been seen.
TELLABLE = 1.25
# If one of those that cannot be told from the least may take so many times as much, the budget was
# too small, though others are told to be worse.
UNSURE = 2.0
UNITS = {"second": "seconds", "update": "updates", "sample": "samples"}
CLOCKS = {"keras": "Keras's fit", "batchlab": "batchlab's fit, beside seven others"}


def verdict(study: xr.Dataset) -> str:
    """Return what follows from a recommendation's study, a paragraph for each thing to know.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.recommend`.

    Returns
    -------
    str
        Which batch size reaches the target with the least, which are as good, the critical batch
        size, the learning rate and how it scales, memory, and how sure that is. That there is no
        detectable difference, or that the budget was too small to tell, if so.
    """
    if "update" not in study:
        return "\n".join([_nothing_measured(study), *_doubts(study)])
    table = weigh(study)
    told = table[table["found"] != "not reached"]
    paragraphs = [_headline(study, told)]
    if len(told):
        paragraphs += [
            _comparison(told),
            _critical(study),
            _rates(study, told),
            _memory(study, told),
        ]
    return "\n".join([line for line in paragraphs if line] + _doubts(study))


def all_as_good(table: pd.DataFrame) -> bool:
    """Return whether no batch size of a `weigh` costs more for sure than the least."""
    return not (table["found"] == "more").any()


def _nothing_measured(study: xr.Dataset) -> str:
    about = study.attrs
    small = f"The budget of {about['seconds']:g} seconds is too small to tell:"
    if "best" not in about:
        return f"{small} not even a first look at one batch size ended in time."
    if math.isnan(about["target"]):
        if not about["finished"]:
            return f"{small} training had not lowered {about['metric']} by then."
        if not math.isfinite(about["start"]):
            return "Nothing to compare: training diverged at every learning rate tried."
        return (
            f"Nothing to compare: at no learning rate tried did training improve {about['metric']} "
            f"from where it starts, {about['start']:.3g}, at batch size {about['batch_size']}."
        )
    if met_at_start(about):
        return (
            f"Nothing to compare: {about['metric']} starts at {about['start']:.3g}, "
            f"so the target {about['target']:.3g} is met without training."
        )
    return (
        f"{small} the target, {about['metric']} {about['target']:.3g}, is known, but no batch size "
        "was measured in time."
    )


def met_at_start(about: Mapping[str, Any]) -> bool:
    """Return whether the first look found the target met from the start.

    Parameters
    ----------
    about : mapping
        Attributes of a study: `metric`, `start` and `target`.
    """
    sign = -1 if is_accuracy(about["metric"]) else 1
    return sign * about["start"] <= sign * about["target"]


def _headline(study: xr.Dataset, told: pd.DataFrame) -> str:
    about = study.attrs
    target = f"{about['metric']} {about['target']:.3g}"
    if not len(told):
        return f"Nothing to compare: no batch size brought all replicates to {target}."
    least = told.index[told["found"] == "least"][0]
    row = told.loc[least]
    unit = UNITS[about["budget"]]
    good = told[told["found"] == "as good"]
    spent = f"{_rounded(row['mean'])} {unit} ({_rounded(row['low'])} to {_rounded(row['high'])})"
    if about["budget"] == "second":
        spent += f" of {CLOCKS[about['clock']]} on this machine"
    if len(told) == 1:
        small = "The budget is too small to tell" if "left_out" in about else "Nothing to compare"
        first = f"{small}: only batch size {least} was brought to the target, {target}."
    elif not all_as_good(told) and good["ratio_high"].max() > UNSURE:
        first = (
            f"The budget is too small to tell batch size {least} from {_listed_sizes(good.index)}: "
            f"one may still take {good['ratio_high'].max():.2g} times the {unit} of another. Least "
            f"was batch size {least}, with learning rate {row['learning_rate']:.3g}."
        )
    elif not all_as_good(told):
        first = f"Use batch size {least}, with learning rate {row['learning_rate']:.3g}."
    elif told["ratio_high"].max() <= TELLABLE:
        first = (
            f"No detectable difference between the batch sizes {_listed_sizes(told.index)}: none "
            f"takes more than {told['ratio_high'].max():.2f} times the {unit} of the one with the "
            "least."
        )
    else:
        first = (
            f"The budget is too small to tell the batch sizes {_listed_sizes(told.index)} apart: "
            f"one may still take {told['ratio_high'].max():.2g} times the {unit} of another."
        )
    others = [
        _counted(study[name].sel(batch_size=least).mean().item(), UNITS[name])
        for name in ("update", "sample")
        if name != about["budget"]
    ]
    return (
        f"{first}\nBatch size {least} reaches {target} in {spent}: {', '.join(others)}; means of "
        f"{study.sizes['replicate']} replicates."
    )


def _comparison(told: pd.DataFrame) -> str:
    if len(told) == 1 or all_as_good(told):
        return ""
    good, more = told[told["found"] == "as good"], told[told["found"] == "more"]
    sentences = []
    if len(good):
        up_to = good["ratio_high"].max()
        good_sizes = _listed_sizes(good.index)
        sentences.append(f"As good within the interval: {good_sizes} (up to {up_to:.2g}×).")
    elif len(more):
        sentences.append("No other batch size is as good.")
    if len(more):
        times = (f"{size} ({row['ratio']:.2g}×)" for size, row in more.iterrows())
        sentences.append(f"More for sure: {', '.join(times)}.")
    return " ".join(sentences)


def _critical(study: xr.Dataset) -> str:
    times = complete(study)
    if times.sizes["batch_size"] < 3:
        return "Critical batch size: not known; it takes three batch sizes that arrive."
    fit = critical_batch_size(times)
    fitted, low, high = (float(fit[name].loc["b_noise"]) for name in ("fitted", "low", "high"))
    smallest, largest = (int(end) for end in (times["batch_size"].min(), times["batch_size"].max()))
    if fitted < smallest:
        return f"Critical batch size: below {smallest}. Twice the batch saves hardly any updates."
    if not fitted < largest:
        return (
            f"Critical batch size: above {largest}. Up to there twice the batch about halves the "
            "updates."
        )
    return (
        f"Critical batch size: {fitted:.3g} ({low:.3g} to {high:.3g}). There updates and samples "
        "are twice the least: below it twice the batch saves updates, above it it mostly costs "
        "samples."
    )


def _rates(study: xr.Dataset, told: pd.DataFrame) -> str:
    rates = told["learning_rate"]
    best = ", ".join(f"{rate:.2g} at {size}" for size, rate in rates.items())
    if len(rates) > 1 and rates.nunique() == 1:
        return f"Learning rate: best {rates.iloc[0]:.2g} at all of them."
    text = f"Learning rate: best {best}."
    times = complete(study)
    bend = math.inf
    if times.sizes["batch_size"] >= 3:
        bend = float(critical_batch_size(times)["fitted"].loc["b_noise"])
    powers = []
    for name, chosen in (("below", rates.index <= 2 * bend), ("above", rates.index >= bend / 2)):
        some = rates[chosen]
        if len(some) >= 3 and (name == "below" or math.isfinite(bend)):
            power = np.polyfit(np.log(some.index), np.log(some), 1)[0]
            powers.append(f"to the power {power + 0:.2f} {name}".replace("-0.00", "0.00"))
    if powers:
        where = " the critical batch size" if math.isfinite(bend) else " the largest"
        text += (
            f" It grows with the batch size {' and '.join(powers)}{where} "
            "(1 is in proportion, 0.5 as its root, 0 not at all)."
        )
    elif len(rates) > 1:
        text += " How it grows with the batch size is not known: that takes three batch sizes"
        text += " below the critical one, or three above it." if math.isfinite(bend) else "."
    return text


def _memory(study: xr.Dataset, told: pd.DataFrame) -> str:
    least = told.index[told["found"] == "least"][0]
    needed = float(study["memory"].sel(batch_size=least))
    if math.isnan(needed):
        return "Memory: not estimated, since the model does not show its layers."
    free, largest = study.attrs["memory_free"], study.attrs["largest_batch"]
    all_of_them = largest >= study.attrs["n_train"]
    fits = (
        "the full batch fits" if all_of_them else f"the largest batch that fits is {largest:,.0f}"
    )
    return (
        f"Memory: an update with batch size {least} takes about {_bytes(needed)} of "
        f"{_bytes(free)}; {fits}."
    )


def _doubts(study: xr.Dataset) -> list[str]:
    about = study.attrs
    lines = [f"Took {about['spent']:.0f} of {about['seconds']:g} seconds."]
    if "left_out" in about and "best" in about:
        late = np.ravel(about["left_out"])
        sizes = "batch size" if len(late) == 1 else "batch sizes"
        lines.append(f"No time for the {sizes} {_listed_sizes(late)}.")
    if "too_large" in about:
        lines.append(f"Too large for memory: {_listed_sizes(np.ravel(about['too_large']))}.")
    if not about.get("finished", 1):
        lines.append("The first look was cut short: longer training may get further.")
    if "update" in study:
        count = study["update"].count("replicate")
        missed = study["batch_size"].to_numpy()[(count < study.sizes["replicate"]).to_numpy()]
        if len(missed):
            lines.append(f"Not all replicates reach the target at {_listed_sizes(missed)}.")
        edge = study["batch_size"].to_numpy()[study["at_edge"].to_numpy().astype(bool)]
        if len(edge):
            lines.append(f"A better rate may lie outside those tried at {_listed_sizes(edge)}.")
    return [" ".join(lines)]


def _listed_sizes(sizes: Iterable) -> str:
    names = [str(int(size)) for size in sizes]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _counted(value: float, units: str) -> str:
    number = _rounded(value)
    return f"{number} {units.removesuffix('s') if number == '1' else units}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.3g} kB" if count >= 1e3 else f"{count:.0f} bytes"
