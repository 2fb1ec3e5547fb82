"""Keras optimizers as pure functions of their state."""

import functools
import inspect
import numbers
import re

import numpy as np

from batchlab.foundation.backend import floatx, keras
from batchlab.foundation.checks import positive_number, shown

# Options that change more than the update of a weight from its own gradient, or that Keras itself
# completes outside the optimizer, after the last update.
_REFUSED_OPTIONS = ("gradient_accumulation_steps", "use_ema")


def default_optimizer() -> keras.optimizers.Optimizer:
    """Return the tutorial's optimizer: SGD, learning rate 0.01, momentum 0.9."""
    with floatx("float64"):
        return keras.optimizers.SGD(0.01, momentum=0.9)


def named_optimizer(
    name: str, learning_rate: float, *, momentum: float = 0.0
) -> keras.optimizers.Optimizer:
    """Return a Keras optimizer by its name, so that a parameter can choose it.

    Parameters
    ----------
    name : str
        A class of ``keras.optimizers`` such as "SGD" or "Adam", in upper or lower case.
    learning_rate : float
        Above zero; kept at full precision.
    momentum : float
        From 0 to 1, for optimizers that take one (SGD, RMSprop); 0 for the others.

    Returns
    -------
    keras.optimizers.Optimizer
        With Keras's defaults for everything else.

    Raises
    ------
    TypeError, ValueError
        If the name is another, the learning rate is not a positive number, the momentum is not a
        number from 0 to 1, or is not 0 for an optimizer that takes none.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.named_optimizer("SGD", 0.01, momentum=0.9).get_config()["momentum"]
    0.9
    """
    known = _optimizers_by_name()
    found = known.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        expected = ", ".join(option.__name__ for option in known.values())
        raise ValueError(
            f"optimizer: expected the name of a Keras optimizer ({expected}), received "
            f"{shown(name)}."
        )
    settings = {"learning_rate": positive_number("learning_rate", learning_rate)}
    if isinstance(momentum, bool | np.bool_) or not isinstance(momentum, numbers.Real):
        raise TypeError(f"momentum: expected a number from 0 to 1, received {shown(momentum)}.")
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum: expected a number from 0 to 1, received {shown(momentum)}.")
    if _takes(found, "momentum"):
        settings["momentum"] = float(momentum)
    elif momentum:
        raise ValueError(
            f"momentum: expected 0 for {found.__name__}, which takes none, received "
            f"{shown(momentum)}."
        )
    with floatx("float64"):
        return found(**settings)


@functools.cache
def _optimizers_by_name() -> dict[str, type]:
    """Return Keras's optimizers with a learning rate of their own by their names in lower case."""
    classes = [found for found in vars(keras.optimizers).values() if isinstance(found, type)]
    optimizers = [found for found in classes if issubclass(found, keras.optimizers.Optimizer)]
    sound = [found for found in optimizers if _takes(found, "learning_rate")]
    return {found.__name__.lower(): found for found in sorted(sound, key=lambda one: one.__name__)}


def _takes(optimizer_class: type, name: str) -> bool:
    return name in inspect.signature(optimizer_class).parameters


@functools.cache
def _stateless(optimizer_class: type) -> type[keras.optimizers.Optimizer]:
    """Return a subclass whose `stateless_apply` works on TensorFlow.

    Keras's TensorFlow mixin overrides the assignments with ones that need ``tf.Variable``s, for
    tf.distribute, and refuses `stateless_apply`. Every method that it overrides goes back to the
    one that Keras uses on other backends; the arithmetic of the update rule is untouched. The
    class that undoes the overrides stands between the optimizer and ``keras.optimizers.Optimizer``
    in the method resolution order, so that optimizers that call ``super()`` (Nadam) reach it.
    """
    general = keras.optimizers.Optimizer
    for_tensorflow, neutral = general.__bases__
    undone = {
        name: neutral.__dict__[name]
        for name in vars(for_tensorflow)
        if name in vars(neutral) and name not in ("__init__", "__module__", "__doc__")
    }
    undo = type("_Neutral", (general,), undone)
    return type(f"Stateless{optimizer_class.__name__}", (optimizer_class, undo), {})


def settings_of(optimizer: keras.optimizers.Optimizer | None) -> tuple[type, dict]:
    """Return the class and the checked settings of an optimizer, which is left alone.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer or None
        None is `default_optimizer`.

    Returns
    -------
    type, dict
        The optimizer's class and its ``get_config()``, the learning rate at full precision.

    Raises
    ------
    TypeError
        If it is not a Keras optimizer instance.
    ValueError
        If the learning rate is not a positive number, or an option is set that cannot be used.
    """
    if optimizer is None:
        optimizer = default_optimizer()
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            "optimizer: expected a Keras optimizer such as keras.optimizers.SGD(0.01) or None, "
            f"received {shown(optimizer)}."
        )
    _check_rate(optimizer)
    config = optimizer.get_config()
    for option in _REFUSED_OPTIONS:
        if config.get(option):
            raise ValueError(
                f"optimizer: expected one without {option}, received {option}={config[option]}."
            )
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        raise ValueError(
            "optimizer: expected weights to be excluded from weight decay by var_names, received "
            "a var_list, which belongs to one model."
        )
    rate = config["learning_rate"]
    if isinstance(rate, float):
        kept_in = optimizer.learning_rate.dtype
        if kept_in in ("float32", "float16"):
            # Keras keeps the rate in its default float type, so 0.01 has become 0.00999999978.
            # The shortest decimal with that value in that type is the number that was typed.
            rate = float(str(np.dtype(kept_in).type(rate)))
        config["learning_rate"] = positive_number("learning_rate", rate)
    config.pop("name", None)
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    config["excluded_from_weight_decay"] = pattern and pattern.pattern
    return type(optimizer), config


def _check_rate(optimizer: keras.optimizers.Optimizer) -> None:
    rate = getattr(optimizer, "_learning_rate", None)
    schedules = keras.optimizers.schedules.LearningRateSchedule
    if rate is None or isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise TypeError(
            "optimizer: expected one with a learning rate of its own, received a "
            f"{type(optimizer).__name__}."
        )
    if callable(rate) and not isinstance(rate, keras.Variable | schedules):
        raise TypeError(
            "learning_rate: expected a number or one of keras.optimizers.schedules, received "
            f"{shown(rate)}."
        )
    if isinstance(rate, schedules) and not type(rate).__module__.startswith("keras."):
        raise TypeError(
            "learning_rate: expected a number or one of keras.optimizers.schedules, which can be "
            f"copied by their settings, received a {type(rate).__name__}."
        )


def stateless_optimizer(
    optimizer_class: type, config: dict, variables: list, dtype: str
) -> keras.optimizers.Optimizer:
    """Return a new optimizer, built on `variables`, that applies gradients as a pure function.

    Parameters
    ----------
    optimizer_class, config
        From `settings_of`.
    variables : list of keras.Variable
        The model's trainable variables.
    dtype : str
        Float type of the optimizer's own variables and of its schedule's arithmetic.

    Returns
    -------
    keras.optimizers.Optimizer
        Its ``stateless_apply(optimizer_variables, gradients, trainable_variables)`` returns the
        new trainable and optimizer variables.

    Raises
    ------
    ValueError
        If its variables start from the model's weights, which differ between replicates.
    """
    config = dict(config)
    excluded = config.pop("excluded_from_weight_decay", None)
    with floatx(dtype):
        optimizer = _stateless(optimizer_class).from_config(config)
        if excluded:
            optimizer._exclude_from_weight_decay_pattern = re.compile(excluded)
        optimizer.build(variables)
    if any(np.ptp(variable.numpy()) for variable in optimizer.variables):
        raise ValueError(
            "optimizer: expected one whose variables start from constants, received a "
            f"{optimizer_class.__name__}, whose start from the weights."
        )
    return optimizer
