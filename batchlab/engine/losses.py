"""Losses as a training takes them: in its type, and in parts that can be copied and sent."""

from batchlab.foundation.backend import floatx, keras
from batchlab.foundation.checks import shown


def checked_loss(
    loss: keras.losses.Loss | None, outputs: int, dtype: str, *, task: str = "classification"
) -> keras.losses.Loss:
    """Return a copy of the loss whose own arithmetic is in the type of the run.

    Parameters
    ----------
    loss : keras.losses.Loss or None
        None is the cross-entropy for the probabilities that the model returns, or the mean squared
        error of a regression.
    outputs : int
        How many numbers the model puts out for a sample.
    dtype : str
        Type of the run.
    task : {"classification", "regression"}

    Raises
    ------
    TypeError, ValueError
        If it is not a loss of Keras's kind, or not a mean over samples.
    """
    if loss is None:
        with floatx(dtype):
            losses = keras.losses
            if task == "regression":
                return losses.MeanSquaredError()
            return (
                losses.BinaryCrossentropy()
                if outputs == 1
                else losses.SparseCategoricalCrossentropy()
            )
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(
            "loss: expected a Keras loss such as keras.losses.CategoricalCrossentropy() or None, "
            f"received {shown(loss)}."
        )
    if loss.reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        raise ValueError(
            "loss: expected one that is a mean over samples (reduction='sum_over_batch_size'), "
            f"received reduction={loss.reduction!r}."
        )
    if task == "regression" and "Crossentropy" in type(loss).__name__:
        raise ValueError(
            "loss: expected one between numbers such as keras.losses.MeanSquaredError() for a "
            f"regression, received {type(loss).__name__}."
        )
    # Not by `copy`, which Keras directs through its saving, and a loss's settings may not all be in
    # its config. Nor has Keras a public way to change the type.
    copied: keras.losses.Loss = unpacked(packed(loss))
    copied._dtype_policy = keras.DTypePolicy(dtype)
    copied._dtype = dtype
    return copied


def packed(loss: keras.losses.Loss | None) -> tuple[type, dict] | None:
    """Return a loss as its class and attributes, in which form any can be sent and copied."""
    return None if loss is None else (type(loss), dict(vars(loss)))


def unpacked(parts: tuple[type, dict] | None) -> keras.losses.Loss | None:
    """Return the loss that `packed` took apart, a new one."""
    if parts is None:
        return None
    loss: keras.losses.Loss = object.__new__(parts[0])
    loss.__dict__.update(parts[1])
    return loss
