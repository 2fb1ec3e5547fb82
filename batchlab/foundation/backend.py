"""TensorFlow and Keras as the rest of the library uses them: quiet, in one place.

Everything that touches a process-wide setting of theirs is here, each as a context manager that
puts the setting back.
"""

import contextlib
import os
import random
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator

import numpy as np

from batchlab.foundation.arithmetic import warn_if_too_late
from batchlab.foundation.checks import choice
from batchlab.foundation.interrupts import imported_whole


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Keep what is written to file descriptor 2; show it only if the body fails.

    TensorFlow's C++ code writes there before its own logging starts, so no variable silences it.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):  # None, closed or another kind
        sys.stderr.flush()
    try:
        os.fstat(2)
    except OSError:
        # Else the next file that is opened would take the number, and what is logged later.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != 2:
            os.dup2(nowhere, 2)
            os.close(nowhere)
    if sys.__stderr__ is None:  # nothing to hold back: the number may be that of a user's file
        yield
        return
    saved = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def _keras_on_tensorflow() -> Iterator[None]:
    """Say in one sentence which of the user's settings of Keras does not go with the body.

    Keras reads KERAS_BACKEND and keras.json while it is imported, and fails there by what is wrong.
    """
    error, module = None, "keras.src.backend.config"
    try:
        yield
    except Exception as failed:
        error = failed
    # Where Keras failed while it read them, they are known only to the frame that did.
    trace = error.__traceback__ if error else None
    frames = [frame.f_globals for frame, _ in traceback.walk_tb(trace)]
    reading = next((names for names in frames if names["__name__"] == module), {})
    settings = vars(sys.modules[module]) if module in sys.modules else reading
    backend = settings.get("_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ImportError(
            "batchlab trains with Keras on TensorFlow: expected the Keras backend 'tensorflow', "
            f"received {backend!r} (KERAS_BACKEND or keras.json sets it)."
        ) from None
    if error is None:
        return
    of_keras = [names["__name__"] for names in frames if names["__name__"].startswith("keras.")]
    if of_keras[-1:] != [module]:  # an installation that is torn, for one
        raise error
    reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
    raise ImportError(
        "batchlab trains with Keras: expected settings that Keras can read from keras.json and "
        f"the variables KERAS_…, received {reason}."
    ) from None


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with imported_whole(), _keras_on_tensorflow(), _standard_error_held_back():
    import keras
    import tensorflow as tf
    from tensorflow.python.eager import context as _context
    from tensorflow.python.eager.record import stop_recording
    from tensorflow.python.ops import gen_math_ops as products  # that gradients are made of
warn_if_too_late()

__all__ = [
    "building",
    "device_name",
    "floatx",
    "keras",
    "keras_settings",
    "preserved_random_state",
    "products",
    "quiet_logging",
    "stop_recording",
    "tf",
    "tracing_settings",
    "undisturbed_seeds",
    "with_keras_settings",
]

# Building and tracing read and write process-wide settings of Keras; one thread at a time.
building = threading.RLock()


@contextlib.contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Set Keras's default float type inside the body only.

    Losses, schedules and an optimizer's own variables take that type: a learning rate of 0.01
    would be 0.00999999978 in a float64 run under Keras's default.
    """
    with building:
        before = keras.config.floatx()
        keras.config.set_floatx(dtype)
        try:
            yield
        finally:
            keras.config.set_floatx(before)


def keras_settings() -> dict[str, str | float]:
    """Return what of Keras's process-wide settings changes the models that are built."""
    config = keras.config
    return {
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "image_data_format": config.image_data_format(),
        "dtype_policy": config.dtype_policy().name,
    }


def tracing_settings() -> dict[str, str | float | bool]:
    """Return what of the process-wide settings changes the programs that are traced."""
    return {
        **keras_settings(),
        "flash_attention": keras.config.is_flash_attention_enabled(),
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
    }


@contextlib.contextmanager
def with_keras_settings(settings: dict[str, str | float]) -> Iterator[None]:
    """Use another process's `keras_settings` inside the body only."""
    with building:
        before = keras_settings()
        try:
            _set_keras(settings)
            yield
        finally:
            _set_keras(before)


def _set_keras(settings: dict[str, str | float]) -> None:
    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)


@contextlib.contextmanager
def quiet_logging() -> Iterator[None]:
    """Silence TensorFlow's logger where a failure is expected and handled."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def preserved_random_state() -> Iterator[None]:
    """Leave the random generators of Python, NumPy, TensorFlow and Keras as the body found them."""
    from keras.src.backend.common import global_state  # the seed's only home; no public getter

    keras_names = ("global_random_seed", "global_seed_generator")
    eager = _context.context()
    with building:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (kept, not used)
        tensorflow = eager._seed, getattr(eager, "_rng", None)
        tensorflow_rng = tensorflow[1].getstate() if tensorflow[1] is not None else None
        kept = {name: global_state.get_global_attribute(name) for name in keras_names}
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            eager._seed = tensorflow[0]
            if tensorflow[1] is not None:
                tensorflow[1].setstate(tensorflow_rng)
                eager._rng = tensorflow[1]
            for name, value in kept.items():
                global_state.set_global_attribute(name, value)


class _Generator(random.Random):
    """A generator like Python's own, which is seeded along with it."""

    def seed(self, value: int | None = None) -> None:  # type: ignore[override]
        super().seed(value)
        if value is not None:  # not when it is made
            random.seed(value)


@contextlib.contextmanager
def undisturbed_seeds() -> Iterator[None]:
    """Let Keras draw the seeds of its initializers where no other thread draws between them.

    It takes them from Python's generator, and so do the threads of a Dask worker or client: once in
    a while a replicate started from other weights.
    """
    from keras.src.random import seed_generator  # where it looks the generator up
    from keras.src.utils import rng_utils

    own = _Generator()
    with building:
        before = seed_generator.python_random, rng_utils.random
        seed_generator.python_random = rng_utils.random = own
        try:
            yield
        finally:
            seed_generator.python_random, rng_utils.random = before


def device_name(device: str | None) -> str:
    """Return TensorFlow's name of a device.

    Parameters
    ----------
    device : {"cpu", "gpu"} or None
        None is what the environment variable BATCHLAB_DEVICE names; where that is not set, the
        first GPU that TensorFlow sees, else the CPU.

    Returns
    -------
    str
        ``"/CPU:0"`` or ``"/GPU:0"``.

    Raises
    ------
    ValueError
        If the name is another, or a GPU is asked for and none is there.
    """
    choice("device", device, ("cpu", "gpu", None))
    asked = "device"
    if device is None and (named := os.environ.get("BATCHLAB_DEVICE")):
        asked, device = "BATCHLAB_DEVICE", choice("BATCHLAB_DEVICE", named, ("cpu", "gpu"))
    has_gpu = device != "cpu" and bool(tf.config.list_physical_devices("GPU"))
    if device == "gpu" and not has_gpu:
        raise ValueError(f"{asked}: expected a GPU for {asked}='gpu', but TensorFlow sees none.")
    return "/GPU:0" if has_gpu else "/CPU:0"
