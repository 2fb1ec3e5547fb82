"""Replicates of a model: the weights each starts from, and each trained one as a Keras model."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from batchlab.engine.identity import differing_part
from batchlab.foundation.backend import building, keras, preserved_random_state, undisturbed_seeds
from batchlab.foundation.checks import shown, whole_number
from batchlab.foundation.progress import progress_bar
from batchlab.problems.problem import Problem

Build = Callable[[Problem], keras.Model]


def initial_variables(
    build: Build,
    problem: Problem,
    seeds: Sequence[int],
    *,
    show_progress: bool | None = None,
) -> tuple[keras.Model, list[np.ndarray], list[np.ndarray]]:
    """Return a model and the values that its variables start from in each replicate.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model.
    problem : Problem
    seeds : sequence of int
        One for each replicate, handed to ``keras.utils.set_random_seed`` before `build`. The
        caller's own random generators are left as they were.
    show_progress : bool or None

    Returns
    -------
    model : keras.Model
        The first replicate's.
    trainable, non_trainable : lists of ndarray of shape (replicates, *variable.shape)
        In the order of ``model.trainable_variables`` and ``model.non_trainable_variables``.

    Raises
    ------
    TypeError, ValueError
        If `build` returns something that cannot be trained on the problem.
    """
    model = None
    trainable, non_trainable = [], []
    bar = progress_bar(len(seeds), unit="replicate", description="weights", show=show_progress)
    with building, preserved_random_state(), undisturbed_seeds(), bar:
        for seed in seeds:
            keras.utils.set_random_seed(int(seed))
            replica = _build_checked(build, problem)
            model = replica if model is None else model
            check_alike(model, replica)
            trainable.append([variable.numpy() for variable in replica.trainable_variables])
            non_trainable.append([variable.numpy() for variable in replica.non_trainable_variables])
            bar.update()
    return model, _stack(trainable), _stack(non_trainable)


def flat_weights(
    model: keras.Model, trainable: list[np.ndarray], non_trainable: list[np.ndarray]
) -> np.ndarray:
    """Return the weights of each replicate as one row, in the order of ``model.get_weights()``.

    Parameters
    ----------
    model : keras.Model
    trainable, non_trainable : lists of ndarray of shape (replicates, *variable.shape)

    Returns
    -------
    ndarray of shape (replicates, n_parameters)
    """
    values = [*trainable, *non_trainable]
    return np.concatenate(
        [values[place].reshape(len(values[place]), -1) for place in weight_places(model)], axis=1
    )


def weight_places(model: keras.Model) -> list[int]:
    """Return where each of ``model.weights`` stands among trainable, then other variables."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    place = {id(variable): position for position, variable in enumerate(variables)}
    return [place[id(weight)] for weight in model.weights]


def trained_model(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    replicate: int = 0,
    epoch: int | None = None,
) -> keras.Model:
    """Return one trained replicate as an ordinary Keras model, to predict with or to save.

    Parameters
    ----------
    build : callable
        The function that `fit` was given.
    problem : Problem
        The problem that `fit` was given.
    history : xarray.Dataset
        What `fit` returned; it holds the weights unless ``keep_weights="none"``.
    replicate : int
        Which one, counted from 0.
    epoch : int or None
        After which epoch, counted from 1, 0 being the start; None is at the end. Another than the
        end needs ``keep_weights="epochs"`` and, but for 0, a history by epochs.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    ValueError
        If the history holds no such replicate or weights, or weights of another model.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=500, epochs=2)
    >>> bl.trained_model(bl.mlp, problem, history).predict(problem.x_test, verbose=0).shape
    (500, 3)
    """
    n_replicates, n_epochs = history.sizes["replicate"], history.sizes.get("epoch", 0)
    replicate = whole_number("replicate", replicate, minimum=0, maximum=n_replicates - 1)
    name = "weights"
    if epoch is not None:
        epoch = whole_number("epoch", epoch, minimum=0, maximum=n_epochs)
        name = {n_epochs: "weights", 0: "initial_weights"}.get(epoch, "epoch_weights")
    if name not in history:
        needed = "final" if name == "weights" else "epochs"
        raise ValueError(
            f"history: expected {name}, which fit keeps with "
            f"keep_weights={needed!r}; received the variables "
            f"{', '.join(map(str, history.data_vars))}."
        )
    kept = history[name].isel(replicate=replicate)
    row = (kept.sel(epoch=epoch) if name == "epoch_weights" else kept).to_numpy()
    seed = next((kept[one] for one in ("seed", "weight_seed") if one in kept.coords), None)
    with building, preserved_random_state(), undisturbed_seeds():
        if seed is not None:  # of what may be random in the model beside its weights
            keras.utils.set_random_seed(int(seed))
        model = _build_checked(build, problem)
    if row.size != model.count_params():
        raise ValueError(
            f"history: expected weights for the {model.count_params()} parameters of the model "
            f"that build returns, received {row.size}."
        )
    ends = np.cumsum([int(np.prod(weight.shape)) for weight in model.weights])
    pieces = np.split(row, ends[:-1])
    model.set_weights(
        [piece.reshape(weight.shape) for piece, weight in zip(pieces, model.weights, strict=True)]
    )
    return model


def _build_checked(build: Build, problem: Problem) -> keras.Model:
    if not callable(build) or isinstance(build, keras.Model):
        raise TypeError(
            "build: expected a function problem -> keras.Model such as batchlab.mlp, received "
            f"{shown(build)}."
        )
    model = build(problem)
    if not isinstance(model, keras.Model):
        raise TypeError(f"build: expected it to return a keras.Model, received {shown(model)}.")
    inputs, outputs = _shapes(model, problem)
    if not model.trainable_variables:
        raise ValueError("build: expected a model with trainable weights, received one with none.")
    if len(inputs) != len(problem.feature_shape) or any(
        size not in (None, given) for size, given in zip(inputs, problem.feature_shape, strict=True)
    ):
        raise ValueError(
            f"build: expected a model for samples of shape {problem.feature_shape}, received one "
            f"for {inputs}."
        )
    allowed = [(problem.n_outputs,)] + [(1,)] * (problem.n_classes == 2)
    if outputs not in allowed:
        things = "targets" if problem.n_classes is None else "classes"
        raise ValueError(
            f"build: expected a model with an output for each of the {problem.n_outputs} {things}, "
            f"received one with outputs of shape {outputs}."
        )
    return model


def n_outputs(model: keras.Model, problem: Problem) -> int:
    """Return how many numbers a model puts out for a sample.

    One for each class, or one of two; one for each target of a regression.
    """
    return _shapes(model, problem)[1][0]


def _shapes(model: keras.Model, problem: Problem) -> tuple[tuple, tuple]:
    """Return the shapes of one sample and of its output; a model not built yet is built by it."""
    if not model.built or not hasattr(model, "output_shape"):
        try:
            outputs = model(problem.x_train[:1])
        except Exception as error:
            raise ValueError(
                f"build: expected a model for samples of shape {problem.feature_shape}, received "
                f"one that fails on them: {shown(str(error))}."
            ) from error
        if not hasattr(model, "output_shape"):  # a subclass of keras.Model
            return problem.feature_shape, tuple(outputs.shape[1:])
    shapes = model.input_shape, model.output_shape
    if any(not isinstance(shape, tuple) for shape in shapes):
        raise ValueError("build: expected a model with one input and one output.")
    return shapes[0][1:], shapes[1][1:]


def check_alike(model: keras.Model, other: keras.Model) -> None:
    """Refuse a replicate's model that one program cannot train with the first one's.

    Raises
    ------
    ValueError
    """
    shapes, others = ([weight.shape for weight in each.weights] for each in (model, other))
    if shapes != others:
        raise ValueError(
            f"build: expected models with weights of the same shapes, received {shown(shapes)} and "
            f"{shown(others)}."
        )
    if model is not other and (name := differing_part(model, other)):
        raise ValueError(
            "build: expected models that differ in their weights alone, received ones that differ "
            f"in {name!r} for another seed, which one program cannot train."
        )


def _stack(rows: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.stack(values) for values in zip(*rows, strict=True)]
