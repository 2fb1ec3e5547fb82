"""The settings of a training: checked, with what was left open filled in."""

from collections.abc import Sequence
from dataclasses import dataclass

import joblib

from batchlab._checks import LARGEST_SEED, choice, shown, whole_number
from batchlab._tensorflow import device_name
from batchlab.budgets import Budget, checked_budget
from batchlab.data import Problem, check_problem


@dataclass(frozen=True)
class Settings:
    """The checked settings of a training."""

    budget: Budget
    replicates: int
    seed: int
    keep_weights: str
    device: str
    threads: int

    @property
    def batch_size(self) -> int:
        """Samples per update."""
        return self.budget.batch_size

    @property
    def seeds(self) -> range:
        """Seeds of the replicates."""
        return range(self.seed, self.seed + self.replicates)

    def attributes(self) -> dict:
        """Return what a history says of it; the device by the name that `fit` takes."""
        budget = self.budget
        return {
            "batch_size": budget.batch_size,
            **({"epochs": budget.amount} if budget.held == "epochs" else {}),
            "updates": budget.updates,
            "updates_per_epoch": budget.updates_per_epoch,
            "replicates": self.replicates,
            "seed": self.seed,
            "keep_weights": self.keep_weights,
            "device": self.device.strip("/").split(":")[0].lower(),
            "threads": self.threads,
        }


def checked_settings(
    problem: Problem,
    *,
    batch_size: int | str,
    epochs: int | None,
    updates: int | None,
    records: int | Sequence[int] | None,
    replicates: int,
    seed: int,
    keep_weights: str,
    device: str | None,
    threads: int | None,
) -> Settings:
    """Return the settings of a training, checked and complete.

    Parameters
    ----------
    problem, batch_size, epochs, updates, records, replicates, seed, keep_weights, device, threads
        As `batchlab.fit` takes them.

    Returns
    -------
    Settings

    Raises
    ------
    TypeError, ValueError
        If one of them is not what `fit` takes.
    """
    check_problem(problem)
    batch_size = checked_batch_size(batch_size, problem.n_train)
    budget = checked_budget(
        batch_size, problem.n_train, epochs=epochs, updates=updates, records=records
    )
    replicates = whole_number("replicates", replicates, minimum=1, maximum=LARGEST_SEED + 1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - replicates)
    choice("keep_weights", keep_weights, ("final", "epochs", "none"))
    place = device_name(device)
    if threads is None:
        threads = joblib.cpu_count() if place == "/CPU:0" else 1
    threads = whole_number("threads", threads, minimum=1)
    return Settings(budget, replicates, seed, keep_weights, place, threads)


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
