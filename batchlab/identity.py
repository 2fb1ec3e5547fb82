"""What tells one program from another: the settings of its model, loss and optimizer."""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping

import numpy as np

from batchlab._tensorflow import keras, keras_settings, tf

# What Keras notes about any layer: the losses of its last call, for one, which are no constants.
_NOTES = vars(keras.Layer(name="any")).keys()


def identity(
    model: keras.Model, loss: keras.losses.Loss, optimizer: tuple[type, dict]
) -> str | None:
    """Return what tells a program from others, or None if it cannot be told.

    The settings of Keras's own layers, losses and optimizers say all about them; those of
    somebody's own class may not, and a function's text says nothing of the values it refers to.
    A program for such a model is not kept. What a layer has learned from data before it is trained
    (a `Normalization` that was adapted) and Keras's process-wide settings are constants of a
    program, and so part of what tells it from others.

    Parameters
    ----------
    model : keras.Model
    loss : keras.losses.Loss
    optimizer : type, dict
        From `batchlab.optimizers.settings_of`.

    Returns
    -------
    str or None
        Equal for two models that differ only in their weights and in the names that Keras gave
        their layers, and for two optimizers that differ only in a constant learning rate, which is
        a variable of the program.
    """
    optimizer_class, config = optimizer
    if not optimizer_class.__module__.startswith("keras."):
        return None
    rate = config["learning_rate"]
    settings = {**config, "learning_rate": "constant" if isinstance(rate, float) else rate}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda cannot be read back; nor is it here
            described = [
                keras.saving.serialize_keras_object(model),
                [_variable(variable) for variable in model.variables],
                keras.saving.serialize_keras_object(loss),
                settings,
                keras_settings(),
                constants(model),
            ]
        text = json.dumps([optimizer_class.__qualname__, *described], sort_keys=True)
    except (TypeError, ValueError, NotImplementedError):
        return None
    # By its settings a function of somebody's own is told from Keras's by its name alone.
    holders = [*model._flatten_layers(), loss]
    if not _only_keras(described) or any(map(_holds_foreign_function, holders)):
        return None
    for place, layer in enumerate(model._flatten_layers()):
        if _named_by_keras(layer):
            text = text.replace(json.dumps(layer.name), f'"{place}"')
    return text


def constants(model: keras.Model) -> list[str]:
    """Return digests of the arrays that layers hold beside the model's variables.

    They are constants of a program, where variables are arguments of it.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of str
        Of each array or tensor among a layer's attributes, in the order of layers and of names.
    """
    variables = {id(variable) for variable in model.variables}
    found = []

    def collect(value: object) -> None:
        if isinstance(value, keras.Variable | tf.Variable):
            if id(value) not in variables:
                collect(value.numpy())
        elif isinstance(value, np.ndarray) or (
            tf.is_tensor(value) and not tf.is_symbolic_tensor(value)
        ):
            array = np.asarray(value)
            content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
            about = f"{array.dtype} {array.shape} "
            found.append(about + hashlib.sha256(content).hexdigest())
        elif isinstance(value, list | tuple | Mapping):
            for item in value.values() if isinstance(value, Mapping) else value:
                collect(item)

    for layer in model._flatten_layers():
        for name in sorted(vars(layer).keys() - _NOTES):
            collect(vars(layer)[name])
    return found


def _variable(variable: keras.Variable) -> list:
    """Return what of a variable can be set beside its layer's settings."""
    rules = variable.regularizer, variable.constraint
    described = [keras.saving.serialize_keras_object(rule) if rule else None for rule in rules]
    return [list(variable.shape), variable.dtype, variable.trainable, *described]


def _named_by_keras(layer: keras.Layer) -> bool:
    """Return whether a name is the class's with a number, which counts through a process."""
    base = re.sub(r"_\d+$", "", layer.name).replace("_", "")
    return base == type(layer).__name__.lower()


def _holds_foreign_function(holder: object) -> bool:
    """Return whether a layer or loss has an attribute that is a function from elsewhere."""
    return any(
        callable(value) and not str(getattr(value, "__module__", "")).startswith("keras.")
        for value in vars(holder).values()
    )


def _only_keras(config: object) -> bool:
    if isinstance(config, dict):
        module = config.get("module", "keras")
        if module not in ("keras", "builtins") and not str(module).startswith("keras."):
            return False
        if config.get("class_name") in ("Lambda", "__lambda__", "function"):
            return False
        code = config.get("value")  # of a lambda: its bytecode, defaults and closure
        if isinstance(code, list | tuple) and code and isinstance(code[0], str):
            return False
        return all(_only_keras(value) for value in config.values())
    if isinstance(config, list | tuple):
        return all(_only_keras(value) for value in config)
    return True
