"""What a model keeps of a sample between the forward and the backward pass, from its graph."""

import itertools
from collections.abc import Iterator

import numpy as np

from batchlab.foundation.backend import keras, tf

# The gradient of these is a function of their output, so what went in need not be kept.
_BY_OUTPUT = ("linear", "relu", "sigmoid", "tanh", "softmax", "elu", "selu")
# These hand on the memory of what comes in under another shape.
_VIEWS = (keras.layers.InputLayer, keras.layers.Flatten, keras.layers.Reshape)


def activation_bytes(model: keras.Model) -> tuple[int, int]:
    """Return the bytes that one sample of a batch takes within a model.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional.

    Returns
    -------
    kept : int
        Of the outputs that the backward pass needs.
    gradients : int
        Of the gradient that arrives at a layer and the one that it hands on, where they are
        largest.

    Raises
    ------
    ValueError
        If the model is of another kind, or a layer's output has no known size.
    """
    calls = list(_calls(model))
    sources = {id(tensor) for tensor in model.inputs}
    kept, largest = 0, 0
    for node in calls:
        layer = node.operation
        # The data themselves need no gradient, in whatever shape.
        before = [tensor for tensor in node.input_tensors if id(tensor) not in sources]
        if isinstance(layer, _VIEWS):
            sources.update(() if before else map(id, node.output_tensors))
            continue
        out = sum(map(bytes_a_sample, node.output_tensors))
        into = sum(map(bytes_a_sample, before))
        activation = _activation(layer)
        if _is_activation(layer):
            kept += 0 if activation in _BY_OUTPUT else out
        else:
            kept += out if activation in _BY_OUTPUT else 2 * out
            if activation != "linear":
                into = max(into, out)  # what was computed before its own activation
        largest = max(largest, out + into)
    return kept, largest


def _calls(model: keras.Model) -> Iterator:
    """Yield each call of a layer from the inputs on, from inside nested models too."""
    # A Sequential model keeps its graph in a functional one; neither has a public way to the calls,
    # of which a shared layer has several.
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "_nodes_by_depth"):
        raise ValueError(
            "build: expected a Sequential or functional model, whose layers can be seen, received "
            f"a {type(model).__name__}."
        )
    by_depth = sorted(graph._nodes_by_depth.items(), key=lambda one: -one[0])
    for node in itertools.chain.from_iterable(nodes for _, nodes in by_depth):
        if isinstance(node.operation, keras.Model):
            yield from _calls(node.operation)
        else:
            yield node


def _is_activation(layer: keras.Operation) -> bool:
    return isinstance(layer, keras.layers.Activation | keras.layers.ReLU | keras.layers.Softmax)


def _activation(layer: keras.Operation) -> str | None:
    """Return the name of a layer's activation, "linear" if it has none."""
    if isinstance(layer, keras.layers.ReLU):
        plain = not layer.negative_slope and not layer.threshold and layer.max_value is None
        return "relu" if plain else "another"
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    return "linear" if activation is None else getattr(activation, "__name__", "another")


def variable_bytes(variable: keras.Variable) -> int:
    """Return the bytes of a variable."""
    return int(np.prod(variable.shape, dtype=object)) * tf.as_dtype(variable.dtype).size


def bytes_a_sample(tensor: keras.KerasTensor) -> int:
    """Return the bytes of one sample of a tensor in a model's graph.

    Raises
    ------
    ValueError
        If one of its sizes is left open.
    """
    if None in tensor.shape[1:]:
        raise ValueError(
            "build: expected layers of known size, received one with an output of shape "
            f"{tuple(tensor.shape)}."
        )
    return int(np.prod(tensor.shape[1:], dtype=object)) * tf.as_dtype(tensor.dtype).size
