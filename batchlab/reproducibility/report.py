"""What a fingerprint says of a machine, in words that can be sent to somebody else."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from batchlab.costs.machine import is_usual
from batchlab.reproducibility.agreement import LEVELS, Agreement, agreements
from batchlab.reproducibility.fingerprints import CHAOTIC, TUTORIAL, digests, published_fingerprint


def expected_level(run: str, *, device: str, usual: bool) -> str:
    """Return how far a run must agree.

    Parameters
    ----------
    run : str
    device : {"cpu", "gpu"}
    usual : bool
        Whether the processor is an x86-64 one with AVX2, and rounds as others do.

    Returns
    -------
    str
        One of `agreement.LEVELS`. To the last bit on such processors; elsewhere rounding may
        differ, every accuracy of the tutorial's runs must not, but for the one that is chaotic.
    """
    if device == "cpu" and usual:
        return LEVELS[0]
    return LEVELS[1] if run in TUTORIAL and run != CHAOTIC else LEVELS[3]


def fingerprint_report(own: xr.Dataset, published: xr.Dataset | None = None) -> tuple[str, bool]:
    """Return a report on a fingerprint of this machine, and whether it agrees as it must.

    Parameters
    ----------
    own : xarray.Dataset
        From `batchlab.fingerprint`, computed here.
    published : xarray.Dataset or None
        None is the one that the library holds.

    Returns
    -------
    report : str
        The machine, how far each run agrees and from where on it does not, and the digests.
    agrees : bool

    Raises
    ------
    ValueError
        If the two are not of the same runs and replicates.

    Examples
    --------
    >>> import batchlab as bl
    >>> own = bl.published_fingerprint()  # in place of bl.fingerprint(), which trains
    >>> report, agrees = bl.fingerprint_report(own)
    >>> agrees
    True
    """
    published = published_fingerprint() if published is None else published
    device, usual = own.attrs["device"], is_usual()
    found = agreements(own, published)
    short = [
        each.run
        for each in found
        if not each.at_least(expected_level(each.run, device=device, usual=usual))
    ]
    epochs, replicates = own.sizes["epoch"], own.sizes["replicate"]
    parts = [
        f"{own.sizes['run']} runs, {replicates} replicates of {epochs} epochs each, beside the "
        "published ones.",
        f"Here: {_computed_with(own)}\n{own.attrs['machine']}",
        f"Published: {_computed_with(published)}\n{published.attrs['machine']}",
        _agreement_table(found),
        "\n".join(map(_difference, [each for each in found if each.epoch is not None])),
        _verdict(short, device=device, usual=usual),
        _digests_in_words(own),
    ]
    return "\n\n".join(part for part in parts if part), not short


def _computed_with(printed: xr.Dataset) -> str:
    names = ("batchlab", "tensorflow", "keras", "numpy", "python")
    versions = ", ".join(f"{name} {printed.attrs[f'{name}_version']}" for name in names)
    return f"{printed.attrs['device']}, {printed.attrs['threads']} threads, {versions}"


def _agreement_table(found: Sequence[Agreement]) -> str:
    rows = {
        each.run: {"agrees": each.level, "largest difference": f"{each.largest:.2g}"}
        for each in found
    }
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
    return frame.reset_index().to_string(index=False, justify="left")


def _difference(each: Agreement) -> str:
    return (
        f"{each.run}: differs from epoch {each.epoch} on, first {each.metric} of replicate "
        f"{each.replicate}, {each.own!r} instead of {each.published!r}"
    )


def _verdict(short: Sequence[str], *, device: str, usual: bool) -> str:
    if device == "cpu" and usual:
        kind, whose, due = "an x86-64 processor with AVX2", "all", "agree to the last bit"
    else:
        kind = "a GPU" if device == "gpu" else "a processor of this kind, or with these settings,"
        whose = "the tutorial's"
        due = f"agree in every accuracy, but for {CHAOTIC}, which is chaotic"
    if short:
        return f"On {kind} {whose} runs must {due}. These do not: {', '.join(short)}."
    return f"As it must be on {kind}, {whose} runs {due}."


def _digests_in_words(own: xr.Dataset) -> str:
    width = max(map(len, own["run"].to_numpy().tolist()))
    lines = [
        f"{run:{width}} {metric:15} {digest[:32]}"
        for run, metrics in digests(own).items()
        for metric, digest in metrics.items()
    ]
    return "\n".join(["SHA-256 of the values, the first half:", *lines])
