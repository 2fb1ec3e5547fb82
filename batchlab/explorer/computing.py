"""What the explorer computes: the answer of `fit` to a setting, in stages, each kept."""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from batchlab.engine.optimizers import named_optimizer
from batchlab.engine.summation import LONGEST_SUM
from batchlab.engine.training import Starts, Training
from batchlab.engine.weights import initial_variables
from batchlab.explorer.answer import Answer
from batchlab.explorer.setting import OPTIMIZERS, Setting
from batchlab.foundation.backend import keras
from batchlab.models.networks import mlp
from batchlab.problems.blobs import blobs
from batchlab.problems.problem import Problem
from batchlab.training.grid import grid_of

# Replicates are trained so many at a time; fewer take as long.
GROUP = 8
# To measure eight replicates after an epoch takes as long as so many of their updates.
UPDATES_TO_MEASURE = 250
# What the first stage may come to: a quarter of a second on two cores.
FIRST_STAGE = 25_000
# Each stage trains anew what the one before has trained, so it must be worth it.
GROWTH = 4
ANSWERS_BYTES = 256 * 2**20
MOST_PROBLEMS = 32
MOST_STARTS = 64

Kept = TypeVar("Kept")


class Explorer:
    """Answers to settings, each computed once and kept as long as there is room.

    An answer holds what `batchlab.fit` returns for the setting, to the last bit. Problems, initial
    weights and compiled programs are kept as well.

    Examples
    --------
    >>> import batchlab as bl
    >>> answer = bl.Explorer().answer(bl.Setting(batch_size=500, epochs=5))
    >>> answer.history["val_accuracy"].shape
    (8, 5)
    """

    def __init__(self):
        self._answers: OrderedDict[Setting, Answer] = OrderedDict()
        self._problems: OrderedDict[tuple, Problem] = OrderedDict()
        self._starts: OrderedDict[tuple, Starts] = OrderedDict()
        self._computing = threading.Lock()

    def answer(self, setting: Setting, *, stop: Callable[[], bool] | None = None) -> Answer:
        """Return the answer to a setting, whole.

        Parameters
        ----------
        setting : Setting
        stop : callable or None
            Whether nobody wants it any more; asked while it is computed.

        Returns
        -------
        Answer

        Raises
        ------
        InterruptedError
            If `stop` said so.
        """
        with self._computing:
            if (found := self.kept(setting)) is None:
                found = self._answers[setting] = self._computed(setting, stop)
                self._make_room()
            return found

    def kept(self, setting: Setting) -> Answer | None:
        """Return the answer to a setting if there is one already."""
        found = self._answers.get(setting)
        if found is not None:
            self._answers.move_to_end(setting)
        return found

    def stages(
        self, setting: Setting, *, stop: Callable[[], bool] | None = None
    ) -> Iterator[Answer]:
        """Yield answers to a setting, each of more epochs or replicates, the whole one last.

        A replicate's numbers do not depend on how many epochs or replicates follow: an early
        answer is a true part of the whole one.

        Parameters
        ----------
        setting : Setting
        stop : callable or None
            As in `answer`.

        Yields
        ------
        Answer
            Its `whole` is the setting that was asked for.
        """
        for stage in [] if self.kept(setting) is not None else stages_of(setting)[:-1]:
            yield replace(self.answer(stage, stop=stop), whole=setting)
        yield self.answer(setting, stop=stop)

    def prepare(self, setting: Setting, *, stop: Callable[[], bool] | None = None) -> None:
        """Trace what other batch sizes need, so that the first of them are answered sooner.

        Parameters
        ----------
        setting : Setting
        stop : callable or None
            Whether there is something better to do; asked between two batch sizes.
        """
        full = setting.n_train
        # Of few and of many samples, and of either with and without a smaller last batch.
        for batch_size in (1, full, full - 1, min(full // 2 + 1, LONGEST_SUM) - 1):
            if stop is not None and stop():
                return
            with self._computing:
                self._training(setting.changed(batch_size=batch_size)).trace()

    def problem(self, setting: Setting) -> Problem:
        """Return the problem of a setting."""
        key = setting.n_samples, setting.n_train, setting.cluster_std
        make = functools.partial(
            blobs, setting.n_samples, n_train=setting.n_train, cluster_std=setting.cluster_std
        )
        return _kept(self._problems, key, make, MOST_PROBLEMS)

    def _training(self, setting: Setting) -> Training:
        (cell,) = grid_of(
            build_of(setting),
            self.problem(setting),
            batch_size=setting.batch_size,
            optimizer=optimizer_of(setting),
            epochs=setting.epochs,
            replicates=setting.replicates,
            seed=setting.seed,
            keep_weights="epochs",
        ).cells
        return cell.training()

    def _computed(self, setting: Setting, stop: Callable[[], bool] | None) -> Answer:
        problem, training = self.problem(setting), self._training(setting)
        training.trace()
        with ThreadPoolExecutor(1) as pool:
            compiling = pool.submit(training.compile)
            starts = self._starts_of(setting, problem, training)
            compiling.result()
        return Answer(setting, training.train(starts, show_progress=False, stop=stop), problem)

    def _starts_of(self, setting: Setting, problem: Problem, training: Training) -> Starts:
        """Return what the replicates start from; drawing takes longer than training them."""
        groups = [
            _kept(
                self._starts,
                (setting.hidden_units, seed),
                functools.partial(_start_of, setting, problem, seed),
                MOST_STARTS,
            )
            for seed in range(setting.seed, setting.seed + setting.replicates)
        ]
        trainable, others = (
            [np.concatenate(values) for values in zip(*parts, strict=True)]
            for parts in zip(*groups, strict=True)
        )
        starts = trainable, others
        # Whatever else has changed what Keras draws, such as its own settings.
        return starts if training.starts_like(starts) else training.draw(show_progress=False)

    def _make_room(self) -> None:
        while len(self._answers) > 1 and self._bytes() > ANSWERS_BYTES:
            self._answers.popitem(last=False)

    def _bytes(self) -> int:
        return sum(answer.history.nbytes for answer in self._answers.values())


def _start_of(setting: Setting, problem: Problem, seed: int) -> Starts:
    return initial_variables(build_of(setting), problem, [seed], show_progress=False)[1:]


def build_of(setting: Setting) -> Callable[[Problem], keras.Model]:
    """Return the function that builds a setting's model, as `batchlab.fit` takes it."""
    return functools.partial(mlp, hidden_units=(setting.hidden_units,))


def optimizer_of(setting: Setting) -> keras.optimizers.Optimizer:
    """Return a setting's optimizer, as `batchlab.fit` takes it."""
    name, others = OPTIMIZERS[setting.optimizer]
    chosen = named_optimizer(name, setting.learning_rate, momentum=others.get("momentum", 0.0))
    chosen.nesterov = others.get("nesterov", getattr(chosen, "nesterov", False))
    return chosen


def stages_of(setting: Setting) -> list[Setting]:
    """Return the settings whose answers lead to a setting's, itself the last.

    First few epochs of eight replicates, as many as are trained at once; then more epochs; then
    all replicates. Which they are depends on counts alone, so they repeat.
    """
    some = setting.changed(replicates=min(setting.replicates, GROUP))
    unit = setting.updates_per_epoch + UPDATES_TO_MEASURE
    work = setting.epochs * unit
    epochs, found = max(FIRST_STAGE // unit, 1), []
    while work > FIRST_STAGE and epochs < setting.epochs:
        found.append(some.changed(epochs=min(epochs, setting.epochs // 2)))
        epochs *= GROWTH
    if setting.replicates > GROUP and work * -(-setting.replicates // GROUP) > FIRST_STAGE:
        found.append(some)
    return [*found, setting]


def _kept(among: OrderedDict[tuple, Kept], key: tuple, make: Callable[[], Kept], most: int) -> Kept:
    """Return what is kept under a key, or make it; what was not used longest makes room."""
    if key not in among:
        among[key] = make()
        while len(among) > most:
            among.popitem(last=False)
    among.move_to_end(key)
    return among[key]
