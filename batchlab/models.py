"""Model builders: functions of a problem that return a Keras model, not compiled."""

from collections.abc import Sequence

from batchlab._checks import choice, shown, whole_number
from batchlab._tensorflow import keras
from batchlab.data import Problem, check_problem

PRECISIONS = ("float64", "float32")


def mlp(
    problem: Problem,
    *,
    hidden_units: Sequence[int] = (50,),
    activation: str = "relu",
    dtype: str = "float64",
) -> keras.Model:
    """Return a multilayer perceptron for a problem; the default is the tutorial's.

    Hidden layers start from He's uniform distribution, the output layer from Glorot's, biases from
    zero. The output layer is a softmax over the classes, or linear for a regression.

    Parameters
    ----------
    problem : Problem
        Gives the number of inputs and outputs. Images are flattened.
    hidden_units : sequence of int
        Units of each hidden layer, each at least 1; empty for softmax regression.
    activation : str
        Keras's name of the hidden layers' activation.
    dtype : {"float64", "float32"}
        Type of weights and arithmetic. In float64 the printed digits of a result do not depend on
        the machine.

    Returns
    -------
    keras.Model
        Not compiled; inputs of shape (batch, *feature_shape), outputs of shape (batch,
        n_outputs).

    Raises
    ------
    TypeError, ValueError
        If a layer's units are not a whole number of at least 1, or the activation or the type is
        another.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, section 2.2.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.mlp(bl.blobs()).count_params()
    303
    """
    check_problem(problem)
    choice("dtype", dtype, PRECISIONS)
    if isinstance(hidden_units, str) or not isinstance(hidden_units, Sequence):
        raise TypeError(
            "hidden_units: expected a list such as [50] or [64, 32], received "
            f"{shown(hidden_units)}."
        )
    units = [whole_number("hidden_units", value, minimum=1) for value in hidden_units]
    try:
        keras.activations.get(activation)
    except ValueError:
        raise ValueError(
            "activation: expected a name that Keras knows such as 'relu' or 'tanh', received "
            f"{shown(activation)}."
        ) from None
    layers = [keras.Input(problem.feature_shape, dtype=dtype)]
    if len(problem.feature_shape) > 1:
        layers.append(keras.layers.Flatten(dtype=dtype))
    for width in units:
        layers.append(
            keras.layers.Dense(
                width, activation=activation, kernel_initializer="he_uniform", dtype=dtype
            )
        )
    return keras.Sequential([*layers, output_layer(problem, dtype=dtype)])


def output_layer(problem: Problem, *, dtype: str) -> keras.layers.Layer:
    """Return the last layer of a model: probabilities of classes, or the targets of a regression.

    Parameters
    ----------
    problem : Problem
    dtype : str

    Returns
    -------
    keras.layers.Dense
        From Glorot's uniform distribution, biases from zero.
    """
    activation = "linear" if problem.n_classes is None else "softmax"
    return keras.layers.Dense(problem.n_outputs, activation=activation, dtype=dtype)
