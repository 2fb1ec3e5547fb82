"""Model builders: functions of a problem that return a Keras model, not compiled."""

from collections.abc import Sequence

from batchlab.foundation.backend import keras
from batchlab.foundation.checks import choice, shown, whole_number
from batchlab.problems.problem import Problem, check_problem

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


def convnet(
    problem: Problem, *, filters: Sequence[int] = (8,), dtype: str = "float32"
) -> keras.Model:
    """Return a small convolutional network for images.

    For each entry of `filters` a convolution of 3 by 3 that keeps the image's size, with ReLU, and
    a maximum over 2 by 2 pixels; then the mean over the image and an output layer as `mlp` has it.
    Its weights do not depend on the size of the images, its activations are proportional to it.

    Parameters
    ----------
    problem : Problem
        Of samples of shape (height, width, channels).
    filters : sequence of int
        Filters of each convolution, each at least 1; at least one convolution.
    dtype : {"float64", "float32"}
        Type of weights and arithmetic.

    Returns
    -------
    keras.Model
        Not compiled; inputs of shape (batch, height, width, channels), outputs of shape (batch,
        n_outputs).

    Raises
    ------
    TypeError, ValueError
        If the samples are no images or too small to be halved so often, a number of filters is not
        a whole number of at least 1, or the type is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.convnet(bl.blank_problem((512, 512, 3), n_classes=10)).count_params()
    314
    """
    check_problem(problem)
    choice("dtype", dtype, PRECISIONS)
    if isinstance(filters, str) or not isinstance(filters, Sequence) or not filters:
        raise TypeError(
            f"filters: expected a list such as [8] or [8, 16], received {shown(filters)}."
        )
    filters = [whole_number("filters", value, minimum=1) for value in filters]
    shape = problem.feature_shape
    if len(shape) != 3 or min(shape[:2]) < 2 ** len(filters):
        raise ValueError(
            "problem: expected images of shape (height, width, channels), at least "
            f"{2 ** len(filters)} pixels high and wide, received samples of shape {shape}."
        )
    layers = [keras.Input(shape, dtype=dtype)]
    for count in filters:
        layers.append(
            keras.layers.Conv2D(
                count,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
                dtype=dtype,
            )
        )
        layers.append(keras.layers.MaxPooling2D(2, dtype=dtype))
    layers.append(keras.layers.GlobalAveragePooling2D(dtype=dtype))
    return keras.Sequential([*layers, output_layer(problem, dtype=dtype)])
