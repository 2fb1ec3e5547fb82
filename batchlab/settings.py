"""The settings of a training: checked, with what was left open filled in."""

from dataclasses import asdict, dataclass

import joblib

from batchlab._checks import LARGEST_SEED, choice, shown, whole_number
from batchlab._tensorflow import device_name
from batchlab.data import Problem


@dataclass(frozen=True)
class Settings:
    """The checked settings of a training."""

    batch_size: int
    epochs: int
    replicates: int
    seed: int
    keep_weights: str
    device: str
    threads: int

    def attributes(self) -> dict:
        """Return what a history says of it; the device by the name that `fit` takes."""
        return {**asdict(self), "device": self.device.strip("/").split(":")[0].lower()}


def checked_settings(
    problem: Problem,
    batch_size: int | str,
    epochs: int,
    replicates: int,
    seed: int,
    keep_weights: str,
    device: str | None,
    threads: int | None,
) -> Settings:
    """Return the settings of a training, checked and complete.

    Parameters
    ----------
    problem, batch_size, epochs, replicates, seed, keep_weights, device, threads
        As `batchlab.fit` takes them.

    Returns
    -------
    Settings

    Raises
    ------
    TypeError, ValueError
        If one of them is not what `fit` takes.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a batchlab Problem, received {shown(problem)}.")
    batch_size = checked_batch_size(batch_size, problem.n_train)
    epochs = whole_number("epochs", epochs, minimum=1)
    replicates = whole_number("replicates", replicates, minimum=1, maximum=LARGEST_SEED + 1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - replicates)
    choice("keep_weights", keep_weights, ("final", "epochs", "none"))
    place = device_name(device)
    if threads is None:
        threads = joblib.cpu_count() if place == "/CPU:0" else 1
    threads = whole_number("threads", threads, minimum=1)
    return Settings(batch_size, epochs, replicates, seed, keep_weights, place, threads)


def checked_batch_size(batch_size: int | str, n_train: int) -> int:
    """Return the number of samples per update; "full" is all of them.

    Parameters
    ----------
    batch_size : int or "full"
    n_train : int

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If it is neither "full" nor a whole number from 1 to n_train.
    """
    if isinstance(batch_size, str) and batch_size == "full":
        return n_train
    try:
        return whole_number("batch_size", batch_size, minimum=1, maximum=n_train)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"batch_size: expected 'full' or a whole number from 1 to {n_train}, the number of "
            f"training samples, received {shown(batch_size)}."
        ) from None
