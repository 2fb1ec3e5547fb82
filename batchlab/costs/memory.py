"""Bytes that training takes at a batch size, computed from the model before anything is run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from batchlab.costs.memory_graph import activation_bytes, bytes_a_sample, variable_bytes
from batchlab.engine.optimizers import default_optimizer
from batchlab.engine.weights import Build, initial_variables
from batchlab.foundation.backend import floatx, keras
from batchlab.foundation.checks import positive_number, shown, whole_number
from batchlab.problems.blank import checked_feature_shape
from batchlab.problems.problem import Problem, check_problem

LABEL_BYTES = 8  # an int64, as Keras takes them


@dataclass(frozen=True)
class _Needs:
    """Bytes of what is there once, and for every sample of a batch."""

    once: dict[str, int]
    per_sample: dict[str, int]

    def fixed(self) -> int:
        return sum(self.once.values())

    def each(self) -> int:
        return sum(self.per_sample.values())


def memory_needed(
    build: Build,
    problem: Problem,
    *,
    batch_size: int | Sequence[int],
    optimizer: keras.optimizers.Optimizer | None = None,
) -> pd.DataFrame:
    """Compute the bytes that an update of a model takes at several batch sizes.

    The sum estimates the peak of an update and is no bound. It was 0.8 to 1.2 times what
    `measured_peak` found on a CPU for convolutional and dense networks that take 200 MB and more; a
    small one takes less than the few megabytes that TensorFlow needs besides.

    What is there once is counted exactly: weights, their gradients, the optimizer. What grows with
    the batch follows a rule. From the forward pass, the output of every layer is kept for the
    backward pass, which holds two gradients besides: the one that arrives at a layer and the one
    that it hands on, counted where they are largest.

    An activation, fused into its layer or a layer of its own, takes the place of what it acts on
    if its gradient can be had from its output (ReLU, sigmoid, tanh, softmax, ELU, SELU); with any
    other, input and output are kept. Flattening and reshaping count as nothing. Not counted are
    the workspaces of convolutions and matrix products, the masks of dropout, what lies within a
    layer made of several operations (attention, recurrent layers, GELU), copies of the data
    outside the update, and what the process takes before it trains, see `measured_peak`.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model, Sequential or functional. It is called once; its weights are made.
    problem : Problem
        Need not hold as many samples as a batch; `blank_problem` makes one that takes no memory.
    batch_size : int or sequence of int
    optimizer : keras.optimizers.Optimizer or None
        Left alone. None is SGD with momentum.

    Returns
    -------
    pandas.DataFrame
        By batch size, whole numbers of bytes. `samples`: inputs in the model's type and labels of
        8 bytes; `weights`: trainable or not; `gradients`: of the trainable weights; `optimizer`:
        its own variables; `activations`: what is kept of the forward pass;
        `activation_gradients`: the two largest neighbours; `total`: the sum of these.

    Raises
    ------
    TypeError, ValueError
        If a batch size is not a whole number of at least 1, or `build` returns a model that is
        neither Sequential nor functional, or has layers of unknown size.

    References
    ----------
    Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016, section 3:
    in-place activations and what a backward pass keeps.

    Examples
    --------
    >>> import batchlab as bl
    >>> table = bl.memory_needed(bl.mlp, bl.blobs(), batch_size=[1, 32])
    >>> table.loc[32, ["weights", "activations"]].tolist()
    [2424, 13568]
    """
    sizes = listed_batch_sizes(batch_size)
    needs = _needs(build, problem, optimizer)
    return pd.DataFrame(
        [
            {
                "samples": size * needs.per_sample["samples"],
                **needs.once,
                "activations": size * needs.per_sample["activations"],
                "activation_gradients": size * needs.per_sample["activation_gradients"],
                "total": needs.fixed() + size * needs.each(),
            }
            for size in sizes
        ],
        index=pd.Index(sizes, name="batch_size"),
    )


def largest_batch(
    build: Build,
    problem: Problem,
    *,
    memory: float,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> int:
    """Return the largest batch size whose `memory_needed` fits.

    The total is a constant plus a multiple of the batch size, so that no search is needed.

    Parameters
    ----------
    build, problem, optimizer
        As in `memory_needed`.
    memory : float
        Bytes. Leave room for the process itself and for workspaces.

    Returns
    -------
    int
        At least 1; it may exceed the number of training samples.

    Raises
    ------
    TypeError, ValueError
        As from `memory_needed`, and if a batch of one sample does not fit.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.largest_batch(bl.mlp, bl.blobs(), memory=1e6)
    795
    """
    memory = positive_number("memory", memory)
    needs = _needs(build, problem, optimizer)
    if needs.fixed() + needs.each() > memory:
        raise ValueError(
            f"memory: expected at least the {needs.fixed() + needs.each()} bytes that a batch of "
            f"one sample takes, received {memory:.0f}."
        )
    return (int(memory) - needs.fixed()) // needs.each()


def listed_batch_sizes(batch_size: int | Sequence[int]) -> list[int]:
    """Return one or several batch sizes as a list.

    Raises
    ------
    TypeError, ValueError
        If there is none, or one is not a whole number of at least 1.
    """
    given = batch_size if np.iterable(batch_size) and not isinstance(batch_size, str) else None
    sizes = [batch_size] if given is None else list(given)
    if not sizes:
        raise ValueError("batch_size: expected at least one batch size, received none.")
    return [whole_number("batch_size", size, minimum=1) for size in sizes]


def optimizer_or_default(
    optimizer: keras.optimizers.Optimizer | None,
) -> keras.optimizers.Optimizer:
    """Return the optimizer, or SGD with momentum in place of None.

    Raises
    ------
    TypeError
        If it is not a Keras optimizer.
    """
    if optimizer is None:
        return default_optimizer()
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            "optimizer: expected a Keras optimizer such as keras.optimizers.SGD(0.01) or None, "
            f"received {shown(optimizer)}."
        )
    return optimizer


def _needs(build: Build, problem: Problem, optimizer: keras.optimizers.Optimizer | None) -> _Needs:
    check_problem(problem)
    optimizer = optimizer_or_default(optimizer)
    model, _, _ = initial_variables(build, problem, [0], show_progress=False)
    # Its own variables, such as the rate, are in the type of the run.
    with floatx(model.trainable_variables[0].dtype):
        copy = type(optimizer).from_config(optimizer.get_config())
        copy.build(model.trainable_variables)
    kept, gradients = activation_bytes(model)
    return _Needs(
        {
            "weights": sum(map(variable_bytes, model.weights)),
            "gradients": sum(map(variable_bytes, model.trainable_variables)),
            "optimizer": sum(map(variable_bytes, copy.variables)),
        },
        {
            "samples": bytes_a_sample(model.inputs[0]) + _label_bytes(model, problem),
            "activations": kept,
            "activation_gradients": gradients,
        },
    )


def _label_bytes(model: keras.Model, problem: Problem) -> int:
    # Targets are handed over in the model's type, and compared with what it puts out.
    return LABEL_BYTES if problem.n_classes is not None else bytes_a_sample(model.outputs[0])


def input_bytes(feature_shape: Sequence[int], *, batch_size: int, dtype: str = "float32") -> int:
    """Return the bytes of a batch's inputs alone, without labels or a model.

    Parameters
    ----------
    feature_shape : sequence of int
        Shape of a sample.
    batch_size : int
    dtype : str
        NumPy's name of the type of a number, such as "uint8" or "float32".

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If a number is not a whole number of at least 1, or the type is unknown.

    Examples
    --------
    >>> from batchlab.costs.memory import input_bytes
    >>> input_bytes((512, 512, 3), batch_size=64, dtype="uint8")
    50331648
    """
    shape = checked_feature_shape(feature_shape)
    batch_size = whole_number("batch_size", batch_size, minimum=1)
    try:
        size = np.dtype(dtype).itemsize
    except TypeError:
        raise ValueError(
            f"dtype: expected a type such as 'uint8' or 'float32', received {shown(dtype)}."
        ) from None
    return batch_size * size * int(np.prod(shape, dtype=object))
