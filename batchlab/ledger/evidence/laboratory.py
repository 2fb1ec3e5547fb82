"""Experiments that claims share: each is run once, kept, and found again."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from batchlab.foundation.checks import LARGEST_SEED, choice, whole_number
from batchlab.training.store import Store, measurement_key


@dataclass(frozen=True)
class Experiment:
    """What several claims are measured on.

    Attributes
    ----------
    runs : str
        Which runs these are, in words, with what is held fixed; ``{replicates}``, ``{some}``,
        ``{few}`` and ``{rounds}`` stand for how many there are of each.
    make : callable
        Laboratory -> xarray.Dataset.
    kept : bool
        Whether the result is kept as a whole; that of a sweep is kept cell by cell.
    machine : bool
        Whether it belongs to the machine it was measured on: seconds, resident memory.
    """

    runs: str
    make: Callable[["Laboratory"], xr.Dataset]
    kept: bool = True
    machine: bool = False


class Laboratory:
    """Runs experiments when they are first asked for: ``laboratory["tutorial"]``.

    Parameters
    ----------
    experiments : mapping of str to Experiment
    replicates : int
        Of the sources' runs, at least 1. Experiments of many cells have about half as many, those
        of long runs a quarter, but at least 2 if there are that many.
    seed : int
        Of the first replicate.
    store : path or None
        A folder that keeps what was trained and measured, and from which it is taken later.

    Raises
    ------
    TypeError, ValueError, OSError
        If a number is out of its range, or `store` cannot be written to.
    """

    def __init__(
        self,
        experiments: Mapping[str, Experiment],
        *,
        replicates: int = 30,
        seed: int = 0,
        store: str | os.PathLike[str] | None = None,
    ):
        self.replicates = whole_number("replicates", replicates, minimum=1)
        largest = LARGEST_SEED + 1 - self.replicates
        self.seed = whole_number("seed", seed, minimum=0, maximum=largest)
        self.store = store
        self._experiments = experiments
        self._kept = Store(store) if store is not None else None
        self._found: dict[str, xr.Dataset] = {}

    @property
    def some(self) -> int:
        """Replicates of an experiment of many cells."""
        return max(self.replicates * 8 // 15, min(self.replicates, 2))

    @property
    def few(self) -> int:
        """Replicates of an experiment of long runs."""
        return max(self.replicates * 4 // 15, min(self.replicates, 2))

    @property
    def rounds(self) -> int:
        """Rounds of a measurement of seconds."""
        return max(self.replicates // 6, 2)

    @property
    def common(self) -> dict[str, Any]:
        """The arguments of `sweep` that the sources' runs have in common."""
        return {"replicates": self.replicates, "seed": self.seed, "store": self.store}

    def runs(self, name: str) -> str:
        """Return which runs an experiment consists of, in words."""
        names = "replicates", "some", "few", "rounds"
        return self._experiment(name).runs.format(**{each: getattr(self, each) for each in names})

    def __getitem__(self, name: str) -> xr.Dataset:
        """Return an experiment's result, which is measured now if it never was."""
        if name not in self._found:
            self._found[name] = self._measured(name)
        return self._found[name]

    def _measured(self, name: str) -> xr.Dataset:
        experiment = self._experiment(name)
        if self._kept is None or not experiment.kept:
            return experiment.make(self)
        key = measurement_key(
            {"experiment": name, "replicates": self.replicates, "seed": self.seed},
            "batchlab.ledger.evidence.experiments",
            machine=experiment.machine,
        )
        return self._kept.found_or(lambda: experiment.make(self), key=key)

    def _experiment(self, name: str) -> Experiment:
        return self._experiments[choice("experiment", name, tuple(self._experiments))]
