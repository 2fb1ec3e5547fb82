"""A training made ready: its model, its compiled program, the states it starts from."""

import copy
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import xarray as xr

from batchlab.engine.groups import Outcome, train_replicates
from batchlab.engine.history import (
    as_dataset,
    optimizer_attributes,
    problem_attributes,
    version_attributes,
)
from batchlab.engine.loop import Shape
from batchlab.engine.losses import checked_loss
from batchlab.engine.program import Program, program_for
from batchlab.engine.settings import Settings
from batchlab.engine.weights import Build, check_alike, flat_weights, initial_variables, n_outputs
from batchlab.foundation.backend import keras
from batchlab.problems.problem import Problem

Starts = tuple[list[np.ndarray], list[np.ndarray]]


class Training:
    """What `fit` does, in steps: trace, compile, draw, train. `ready` does the first three.

    Compiling leaves Python free, so it can go on in another thread; the rest uses Keras's
    process-wide settings.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model.
    problem : Problem
    run : Settings
    optimizer : type, dict
        From `batchlab.engine.optimizers.settings_of`.
    loss : keras.losses.Loss or None

    Raises
    ------
    TypeError, ValueError
        If the model or the loss cannot be trained on the problem, or the weights do not fit into
        memory.
    """

    def __init__(
        self,
        build: Build,
        problem: Problem,
        run: Settings,
        optimizer: tuple[type, dict],
        loss: keras.losses.Loss | None,
    ):
        self._build, self._problem, self._run, self._optimizer = build, problem, run, optimizer
        self.model, *first = initial_variables(build, problem, run.weight_seeds[:1])
        self._first: Starts = first[0], first[1]
        _check_policy(self.model)
        self._dtype = self.model.trainable_variables[0].dtype
        _check_memory(run, self.model.count_params(), self._dtype)
        _check_range(problem, self._dtype)
        self.loss = checked_loss(
            loss, n_outputs(self.model, problem), self._dtype, task=problem.task
        )
        self._programs: dict[int, Program] = {}
        self._compile_seconds = 0.0

    def trace(self) -> None:
        """Find or make the programs that train the model, one a batch size, not yet compiled."""
        sizes = self._run.batch_sizes.different
        # The largest batch says how many replicates fit into a call: they go from one program
        # to the next as a group.
        largest = max(sizes)
        self._programs = {largest: self._program(largest)}
        group = self._programs[largest].shape.group
        self._programs |= {
            size: self._program(size, group=group) for size in sizes if size != largest
        }

    def compile(self) -> None:
        """Make XLA compile the programs, unless it has."""
        self._compile_seconds = sum(program.compile() for program in self._programs.values())
        if len({program.shape.group for program in self._programs.values()}) > 1:
            self._programs = {size: self._program(size, group=1) for size in self._programs}
            self._compile_seconds += sum(one.compile() for one in self._programs.values())

    def _program(self, batch_size: int, *, group: int | None = None) -> Program:
        run, problem = self._run, self._problem
        shape = Shape(
            batch_size=batch_size,
            n_train=problem.n_train,
            n_held_out=len(problem.held_out.x),
            n_measured=run.train_samples,
            feature_shape=problem.feature_shape,
            keep_weights=run.keep_weights == "epochs",
            dtype=self._dtype,
            target_shape=problem.y_train.shape[1:],
            target_dtype=_target_dtype(problem, self._dtype),
        )
        return program_for(
            self.model,
            self.loss,
            self._optimizer,
            shape,
            replicates=run.replicates,
            threads=run.threads,
            device=run.device,
            group=group,
        )

    def ready(self, *, show_progress: bool | None = None) -> Starts:
        """Trace and compile, and draw the weights meanwhile; return these."""
        self.trace()
        with ThreadPoolExecutor(1) as pool:
            compiling = pool.submit(self.compile)
            starts = self.draw(show_progress=show_progress)
            compiling.result()
        return starts

    def again(self, run: Settings, learning_rate: float) -> "Training":
        """Return this training for another number of updates, other records and another rate.

        Nothing is built, traced or compiled anew.

        Parameters
        ----------
        run : Settings
            With the batch size, replicates, threads, device and weights to keep of this one.
        learning_rate : float
        """
        other = copy.copy(self)
        other._run, other._compile_seconds = run, 0.0
        other._optimizer = (
            self._optimizer[0],
            {**self._optimizer[1], "learning_rate": learning_rate},
        )
        return other

    def draw(self, *, show_progress: bool | None = None) -> Starts:
        """Return the values that the model's variables start from in each replicate.

        Returns
        -------
        trainable, non_trainable : lists of ndarray of shape (replicates, *variable.shape)
        """
        given = self._run.weight_seeds
        seeds = list(dict.fromkeys(given))
        trainable, others = self._first
        if len(seeds) > 1:
            model, *drawn = initial_variables(
                self._build, self._problem, seeds[1:], show_progress=show_progress
            )
            check_alike(self.model, model)
            trainable, others = (
                [np.concatenate(pair) for pair in zip(*parts, strict=True)]
                for parts in zip(self._first, drawn, strict=True)
            )
        if len(seeds) < len(given):
            place_of = {seed: place for place, seed in enumerate(seeds)}
            places = [place_of[seed] for seed in given]
            trainable, others = (
                [values[places] for values in part] for part in (trainable, others)
            )
        return trainable, others

    def starts_of(self, place: int) -> Starts:
        """Return what one replicate alone starts from."""
        seed = self._run.weight_seeds[place]
        return initial_variables(self._build, self._problem, [seed])[1:]

    def starts_like(self, starts: Starts) -> bool:
        """Return whether the first replicate of `starts` is this training's, to the last bit."""
        return all(
            len(own) == len(given)
            and all(np.array_equal(a[0], b[0]) for a, b in zip(own, given, strict=True))
            for own, given in zip(self._first, starts, strict=True)
        )

    def train(
        self,
        starts: Starts,
        *,
        show_progress: bool | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> xr.Dataset:
        """Return the history of all replicates, as `fit` describes it.

        Parameters
        ----------
        starts : two lists of ndarray
            From `draw`.
        show_progress : bool or None
        stop : callable or None
            Whether to end without a history, with an InterruptedError; asked while it trains.
        """
        run, problem = self._run, self._problem
        program = next(iter(self._programs.values()))
        slots = program.initial_slots(self._optimizer[1]["learning_rate"])
        states = (*starts, [np.stack([value] * run.replicates) for value in slots])
        begin = time.perf_counter()
        outcome = train_replicates(
            self._programs,
            _data(problem, self._dtype),
            states,
            run.order_seeds,
            budget=run.budget,
            threads=run.threads,
            description=f"batch size {run.batch_sizes.constant or 'by a schedule'}",
            show_progress=show_progress,
            stop=stop,
        )
        training_seconds = time.perf_counter() - begin
        history = as_dataset(outcome, run, problem.task)
        _add_weights(history, run, self.model, starts, outcome)
        history.attrs = {
            **problem_attributes(problem),
            **run.attributes(),
            **optimizer_attributes(*self._optimizer),
            "loss_function": type(self.loss).__name__,
            "n_parameters": self.model.count_params(),
            "dtype": self._dtype,
            "compile_seconds": self._compile_seconds,
            "training_seconds": training_seconds,
            **version_attributes(),
        }
        return history


def _check_policy(model: keras.Model) -> None:
    policies = {layer.dtype_policy.name for layer in model._flatten_layers()}
    if "mixed_float16" in policies:
        raise ValueError(
            "build: expected a model in float64, float32 or mixed_bfloat16, received one in "
            "mixed_float16, which Keras trains with a loss scale that adapts."
        )


def _add_weights(
    history: xr.Dataset, run: Settings, model: keras.Model, starts: Starts, outcome: Outcome
) -> None:
    if run.keep_weights != "none":
        final = flat_weights(model, outcome.trainable, outcome.non_trainable)
        history["weights"] = ("replicate", "parameter"), final
    if run.keep_weights == "epochs":
        history["initial_weights"] = ("replicate", "parameter"), flat_weights(model, *starts)
        dimensions = "replicate", run.budget.dimension, "parameter"
        history["epoch_weights"] = dimensions, outcome.weights


def _check_memory(run: Settings, parameters: int, dtype: str) -> None:
    # Beside what is kept: initial and current weights, optimizer state, and joining of groups,
    # measured as six to seven sets of weights.
    records = len(run.budget.records)
    kept = {"none": 0, "final": 1, "epochs": 2 * (records + 1)}[run.keep_weights]
    needed = (7 + kept) * run.replicates * parameters * np.dtype(dtype).itemsize
    free = psutil.virtual_memory().available
    if needed > free:
        raise ValueError(
            f"replicates, keep_weights: expected the weights to fit into the {free / 1e9:.1f} GB "
            f"of free memory, received {run.replicates} replicates of {parameters} weights over "
            f"{records} records, which need {needed / 1e9:.1f} GB with {run.keep_weights!r}."
        )


def _check_range(problem: Problem, dtype: str) -> None:
    largest = max(max(x.max(), -x.min()) for x in (problem.x_train, problem.held_out.x))
    if largest > np.finfo(dtype).max:
        raise ValueError(
            f"build: expected a model of a type that holds the samples, received one in {dtype} "
            f"for samples up to {largest:.3g}."
        )


def _data(problem: Problem, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return training and held-out samples as one array, and their labels or targets."""
    _, x, y = problem.held_out
    y_dtype = _target_dtype(problem, dtype)
    return (
        np.concatenate([problem.x_train, x], dtype=dtype, casting="same_kind"),
        np.concatenate([problem.y_train, y], dtype=y_dtype, casting="same_kind"),
    )


def _target_dtype(problem: Problem, dtype: str) -> str:
    return dtype if problem.n_classes is None else "int32"
