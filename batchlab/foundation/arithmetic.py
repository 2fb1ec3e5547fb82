"""Settings with which programs round alike on every x86-64 processor with AVX2.

TensorFlow and XLA pick code by the processor that they find, and not all of that code rounds alike.
XLA reads its flags when it first compiles, so they must be set before that.
"""

import os
import platform
import warnings
from pathlib import Path

_ROOTS = "xla_cpu_disable_platform_dependent_math"
# By what shows that a flag is given.
_FLAGS = {
    # No code that AVX-512 alone has, such as its reciprocal square roots of float64.
    "--xla_cpu_max_isa=": "--xla_cpu_max_isa=AVX2",
    # No sums of float32 by YNNPACK, which has other code for other processors.
    "--xla_cpu_experimental_ynn_fusion_type=": "--xla_cpu_experimental_ynn_fusion_type=",
    # One by a square root is computed as that: for float32 each maker of processors has an
    # instruction of its own for it, which is an approximation.
    _ROOTS: f"--xla_backend_extra_options={_ROOTS}",
}
# Products of float32 by Eigen, as those of float64, and not by oneDNN, which picks its code by the
# processor, and cuts the rows of a matrix by the sizes of its caches.
_KERNELS = "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"

_too_late = False


def is_x86() -> bool:
    """Return whether this is an x86-64 processor: the settings mean nothing to others."""
    return platform.machine().lower() in ("x86_64", "amd64")


def _xla_flags() -> list[str]:
    """Return the flags that XLA takes from its environment.

    Returns
    -------
    list of str
        Those of a file, if the variable XLA_FLAGS names one.
    """
    given = os.environ.get("XLA_FLAGS", "").strip()
    if given and not given.startswith("-"):  # XLA takes it as the name of a file of flags
        try:
            given = Path(given).read_text(encoding="utf-8")
        except OSError:  # XLA does without them as well
            given = ""
    return given.split()


def round_alike() -> None:
    """Put the settings into the environment, but for those that are set there otherwise."""
    if not is_x86():
        return
    os.environ.setdefault(_KERNELS, "false")
    given = _xla_flags()
    added = [flag for shows, flag in _FLAGS.items() if shows not in " ".join(given)]
    os.environ["XLA_FLAGS"] = " ".join([*given, *added])


def warn_if_too_late() -> None:
    """Warn if XLA compiles without the settings, since it had read its flags before.

    It compiles a program to see, where somebody used TensorFlow before; else it does nothing.
    """
    global _too_late
    from tensorflow.python.eager import context

    started = context.context_safe()
    if not is_x86() or otherwise_set() or started is None or not started._initialized:
        return
    _too_late = not _computes_roots()
    if _too_late:
        warnings.warn(
            "TensorFlow compiled programs before batchlab was imported, so its settings for "
            "equal rounding came too late: last digits may be those of this processor alone. "
            "Import batchlab first.",
            RuntimeWarning,
            stacklevel=2,
        )


def _computes_roots() -> bool:
    """Return whether a compiled 1 / sqrt(x) of float32 is rounded as two operations are."""
    import numpy as np
    import tensorflow as tf

    values = np.linspace(0.1, 9, 1000, dtype="float32")
    with tf.init_scope(), tf.device("/CPU:0"):
        compiled = tf.function(tf.math.rsqrt, jit_compile=True, autograph=False)
        return np.array_equal(compiled(values).numpy(), 1 / np.sqrt(values))


def otherwise_set() -> list[str]:
    """Return what of the environment is set otherwise than the settings ask.

    Returns
    -------
    list of str
        Flags of XLA, and variables with their values.
    """
    given = _xla_flags()
    found = [
        flag
        for flag in given
        for shows, own in _FLAGS.items()
        if flag.startswith(shows) and flag != own
    ]
    if os.environ.get(_KERNELS) not in ("false", "0"):  # what TensorFlow takes for it
        found.append(f"{_KERNELS}={os.environ.get(_KERNELS, '')}")
    return found


def why_not_alike() -> str:
    """Return why programs of this process may round otherwise than elsewhere; empty if not."""
    if _too_late:
        return "TensorFlow compiled before batchlab was imported"
    return ", ".join(otherwise_set())
