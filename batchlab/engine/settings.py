"""The settings of a training: checked, with what was left open filled in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import joblib
import numpy as np

from batchlab.engine.batch_sizes import BatchSize, BatchSizes
from batchlab.engine.budgets import Budget, checked_budget
from batchlab.foundation.backend import device_name
from batchlab.foundation.checks import LARGEST_SEED, choice, shown, whole_number
from batchlab.problems.problem import Problem, check_problem


@dataclass(frozen=True)
class Settings:
    """The checked settings of a training.

    Attributes
    ----------
    budget : Budget
    replicates : int
    seed : int
        Of the first replicate, where nothing else is said.
    weight_seeds, order_seeds : sequence of int
        Of each replicate's initial weights and of its orders.
    keep_weights, device : str
    threads : int
    train_samples : int
        How many of the training samples, from the first on, a record measures.
    """

    budget: Budget
    replicates: int
    seed: int
    weight_seeds: Sequence[int]
    order_seeds: Sequence[int]
    keep_weights: str
    device: str
    threads: int
    train_samples: int

    @property
    def batch_sizes(self) -> BatchSizes:
        """Samples per update in each epoch."""
        return self.budget.batch_sizes

    def attributes(self) -> dict:
        """Return what a history says of it; the device by the name that `fit` takes."""
        budget = self.budget
        return {
            **self._about_batches(),
            **({"epochs": budget.amount} if budget.held == "epochs" else {}),
            "updates": budget.updates,
            "replicates": self.replicates,
            "seed": self.seed,
            "keep_weights": self.keep_weights,
            "device": self.device.strip("/").split(":")[0].lower(),
            "threads": self.threads,
            "train_samples": self.train_samples,
        }

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Return the seeds of each replicate, and the batch size at each record of a schedule."""
        own = range(self.seed, self.seed + self.replicates)
        seeds: dict[str, Sequence[int]]
        if self.weight_seeds == self.order_seeds == own:
            seeds = {"seed": own}
        else:
            seeds = {"weight_seed": self.weight_seeds, "order_seed": self.order_seeds}
        found = {name: ("replicate", np.array(values)) for name, values in seeds.items()}
        if not self.batch_sizes.constant:
            found["batch_size"] = self.budget.dimension, self.budget.sizes()
        return found

    def _about_batches(self) -> dict:
        sizes = self.batch_sizes
        if sizes.constant:
            return {"batch_size": sizes.constant, "updates_per_epoch": sizes.updates_in(0)}
        epochs = range(self.budget.epochs_begun)
        return {"batch_size_schedule": json.dumps([sizes.of(epoch) for epoch in epochs])}


def checked_settings(
    problem: Problem,
    *,
    batch_size: BatchSize,
    epochs: int | None,
    updates: int | None,
    records: int | Sequence[int] | None,
    replicates: int,
    seed: int,
    weight_seeds: Sequence[int] | None,
    order_seeds: Sequence[int] | None,
    keep_weights: str,
    device: str | None,
    threads: int | None,
    train_samples: int | None,
) -> Settings:
    """Return the settings of a training, checked and complete.

    Parameters
    ----------
    problem, batch_size, epochs, updates, records, replicates, seed, weight_seeds, order_seeds
        As `batchlab.fit` takes them.
    keep_weights, device, threads, train_samples
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
    budget = checked_budget(
        batch_size, problem.n_train, epochs=epochs, updates=updates, records=records
    )
    replicates = whole_number("replicates", replicates, minimum=1, maximum=LARGEST_SEED + 1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - replicates)
    own = range(seed, seed + replicates)
    weight_seeds = own if weight_seeds is None else _seeds("weight_seeds", weight_seeds, replicates)
    order_seeds = own if order_seeds is None else _seeds("order_seeds", order_seeds, replicates)
    choice("keep_weights", keep_weights, ("final", "epochs", "none"))
    place = device_name(device)
    if threads is None:
        threads = joblib.cpu_count() if place == "/CPU:0" else 1
    threads = whole_number("threads", threads, minimum=1)
    if train_samples is None:
        train_samples = problem.n_train
    train_samples = whole_number("train_samples", train_samples, minimum=1, maximum=problem.n_train)
    return Settings(
        budget,
        replicates,
        seed,
        weight_seeds,
        order_seeds,
        keep_weights,
        place,
        threads,
        train_samples,
    )


def _seeds(name: str, seeds: Sequence[int], replicates: int) -> Sequence[int]:
    """Return a seed for each replicate."""
    if isinstance(seeds, str) or not np.iterable(seeds):
        raise TypeError(
            f"{name}: expected a sequence of seeds, one for each replicate, received "
            f"{shown(seeds)}."
        )
    seeds = tuple(whole_number(name, seed, minimum=0, maximum=LARGEST_SEED) for seed in seeds)
    if len(seeds) != replicates:
        raise ValueError(
            f"{name}: expected a seed for each of the {replicates} replicates, received "
            f"{len(seeds)}."
        )
    return seeds
