"""What the seconds of a CPU and a GPU say: which is faster, in a table and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from batchlab.analysis.intervals import Interval, paired_ratio


@dataclass(frozen=True, eq=False)
class Timed:
    """Seconds of trainings of two lengths on one device, in several rounds.

    Attributes
    ----------
    compiling : float
    lengths : tuple of int
        Epochs of the shorter and of the longer training.
    seconds : ndarray of shape (rounds, 2)
        Of both, without compiling.
    """

    compiling: float
    lengths: tuple[int, int]
    seconds: np.ndarray

    def whole(self, epochs: int) -> np.ndarray:
        """Return the seconds of a training of so many epochs in each round, shape (rounds,)."""
        short, long = self.lengths
        shorter, longer = self.seconds.T
        epoch = (longer - shorter) / (long - short)
        # Noise may make an epoch's time negative; the whole takes no less than its part.
        return np.maximum(longer + (epochs - long) * epoch, longer)

    def parts(self) -> tuple[float, float]:
        """Return the seconds of a call that do not depend on its epochs, and those of an epoch."""
        short, long = self.lengths
        shorter, longer = np.median(self.seconds, axis=0)
        epoch = max((longer - shorter) / (long - short), 0.0)
        return max(shorter - short * epoch, 0.0), epoch

    def told(self, epochs: int) -> str:
        """Return the seconds of so many epochs in words; extrapolated ones are marked."""
        mean = np.exp(np.log(self.whole(epochs)).mean())
        return f"{'' if self.lengths[1] == epochs else '≈ '}{mean:.3g} s"


Row = Mapping[str, Timed]  # by device, "cpu" first


def cpu_by_gpu(row: Row, *, epochs: int) -> Interval:
    """Return the CPU's seconds by the GPU's: the geometric mean over rounds, its 95 % interval."""
    return paired_ratio(row["cpu"].whole(epochs), row["gpu"].whole(epochs))


def faster(found: Interval) -> str | None:
    """Return "gpu" or "cpu" if the whole interval of a ratio is on its side of 1, else None."""
    if found.low > 1:
        return "gpu"
    return "cpu" if found.high < 1 else None


def seconds_table(rows: Mapping[tuple[int, int], Row], *, epochs: int, n_train: int) -> str:
    """Return measured seconds in Markdown, a line for each device.

    Parameters
    ----------
    rows : mapping of (replicates, batch size) to mapping of device to Timed
    epochs : int
    n_train : int
        Training samples, which say how many updates an epoch has.

    Returns
    -------
    str
    """
    both = all(len(row) == 2 for row in rows.values())
    titles = ["replicates", "batch size", "device", "compiling", "fixed", "an update", "training"]
    titles += ["CPU by GPU", "faster"] if both else []
    lines = [titles, ["---" if title in ("device", "faster") else "---:" for title in titles]]
    for (replicates, batch_size), row in rows.items():
        for device, timed in row.items():
            fixed, epoch = timed.parts()
            update = epoch / (-(-n_train // batch_size) * replicates)
            line = [f"{replicates:,}", f"{batch_size:,}", device.upper()]
            line += [f"{timed.compiling:.2f} s", f"{fixed:.2g} s", f"{update * 1e6:.3g} µs"]
            lines.append([*line, timed.told(epochs), *(["", ""] if both else [])])
        if both:
            found = cpu_by_gpu(row, epochs=epochs)
            verdict = {"gpu": "GPU", "cpu": "CPU", None: "neither"}[faster(found)]
            lines[-1][-2:] = f"{found.mean:.3g} ({found.low:.3g} to {found.high:.3g})", verdict
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sentences(found: Mapping[tuple[int, int], str | None]) -> list[str]:
    """Return in words where the GPU is faster, for each number of replicates and batch size.

    Parameters
    ----------
    found : mapping of (replicates, batch size) to {"gpu", "cpu"} or None
        Both increasing; None is no difference beyond the noise.

    Returns
    -------
    list of str
    """
    told = []
    for place, own, other in ((0, "replicates", "batch size"), (1, "batch size", "replicates")):
        for value in sorted({key[place] for key in found}):
            along = {key[1 - place]: name for key, name in found.items() if key[place] == value}
            told.append(f"{_at(own, [value]).capitalize()} {crossover(along, along=other)}.")
    return told


def crossover(found: Mapping[int, str | None], *, along: str) -> str:
    """Return the rest of a sentence: from which value on the GPU is faster, if from any.

    Parameters
    ----------
    found : mapping of int to {"gpu", "cpu"} or None
        By increasing batch size or number of replicates.
    along : {"batch size", "replicates"}

    Returns
    -------
    str

    Examples
    --------
    >>> crossover({1: "cpu", 32: "gpu", 500: "gpu"}, along="batch size")
    'the GPU is faster from batch size 32 on, the CPU at batch size 1'
    """
    gpu, cpu, neither = (
        [value for value, name in found.items() if name == wanted]
        for wanted in ("gpu", "cpu", None)
    )
    counted = along == "replicates"
    at, measured = ("with", "number of replicates") if counted else ("at", along)
    # Else it is faster at one value, and not at a later one.
    one_way = not gpu or list(found)[-len(gpu) :] == gpu
    if not gpu:
        told = f"the GPU is faster {at} no {measured} measured"
    elif len(gpu) == len(found):
        told = f"the GPU is faster {at} every {measured} measured"
    elif one_way:
        start = f"{gpu[0]:,} replicates" if counted else f"{along} {gpu[0]:,}"
        told = f"the GPU is faster from {start} on"
        told += " (nothing larger was measured)" if len(gpu) == 1 else ""
    else:
        told = f"the GPU is faster {_at(along, gpu)}"
    told += f", the CPU {_at(along, cpu)}" if cpu else ""
    told += f"; there is no difference beyond the noise {_at(along, neither)}" if neither else ""
    return told if one_way else f"{told}; so no single {measured} divides them"


def no_answer(device: str, *, asked_for: bool) -> str:
    """Return why the measurement of one device says nothing of which is faster."""
    if asked_for:
        return f"Only the {device.upper()} was measured, as asked for, so nothing is compared."
    return (
        "TensorFlow sees no GPU here, so this machine cannot say from which batch size on, or from "
        "how many replicates, a GPU is faster: only the CPU was measured."
    )


def finished(key: tuple[int, int], row: Row, *, epochs: int) -> str:
    """Return in words what was measured in a row of the table.

    Parameters
    ----------
    key : (replicates, batch size)
    row : mapping of device to Timed
    epochs : int

    Returns
    -------
    str
    """
    told = ", ".join(f"{device.upper()} {timed.told(epochs)}" for device, timed in row.items())
    return f"{_at('replicates', key[:1])} {_at('batch size', key[1:])}: {told}"


def explained(devices: Sequence[str], *, dtype: str, rounds: int, seconds: float) -> str:
    """Return what the columns of the table are.

    Parameters
    ----------
    devices : sequence of {"cpu", "gpu"}
        That were measured.
    dtype, rounds, seconds
        As in `batchlab.benchmarks.devices.device_table`.

    Returns
    -------
    str
    """
    turns = ", in which the devices took turns" if len(devices) == 2 else ""
    lines = [
        f"Training: seconds of `fit` for all replicates side by side, in {dtype}, each epoch "
        "evaluated, without compiling\nand without drawing the initial weights, which the CPU does "
        f"for either device; the geometric mean of {rounds} rounds{turns}.",
        "Fixed: what a call costs whatever its epochs. An update: of one replicate, the evaluation "
        "included.",
        f"≈: only so many epochs were run as take about {seconds:g} s, at least two; the rest is "
        "extrapolated, each epoch taken to last as long as these.",
    ]
    if len(devices) == 2:
        lines.append(
            "CPU by GPU: the ratio of their seconds and its 95 % interval. One is faster if all of "
            "the interval lies on its side of 1."
        )
    return "\n".join(lines)


def _at(along: str, values: Sequence[int]) -> str:
    *first, last = [f"{value:,}" for value in values]
    listed = f"{', '.join(first)} and {last}" if first else last
    if along == "replicates":
        return f"with {listed} replicate{'' if listed == '1' else 's'}"
    return f"at batch size{'s' if first else ''} {listed}"
