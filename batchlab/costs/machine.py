"""The machine that something was computed on, as far as numbers and seconds depend on it."""

import os
import platform
import re
from pathlib import Path

import joblib
import psutil

# numpy.show_runtime prints from it what we look up.
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from batchlab.foundation.arithmetic import is_x86, why_not_alike
from batchlab.foundation.backend import keras, tf

# Of the environment, what changes how TensorFlow and XLA compute.
VARIABLES = (
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "NVIDIA_TF32_OVERRIDE",
)
_INSTRUCTIONS = {"AVX": "AVX", "AVX2": "AVX2", "FMA3": "FMA", "AVX512F": "AVX-512"}


def machine_in_words() -> str:
    """Return the versions, the processor and the GPUs of this process, in a line.

    Returns
    -------
    str
    """
    parts = [f"TensorFlow {tf.__version__}", f"Keras {keras.__version__}"]
    parts += [f"Python {platform.python_version()}", f"{joblib.cpu_count()} cores of {cpu_name()}"]
    return ", ".join([*parts, *gpu_names()])


def cpu_name() -> str:
    """Return what the processor calls itself."""
    # Elsewhere than on Linux Python knows it, on Linux the kernel alone does.
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names of the GPUs that TensorFlow sees."""
    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", "a GPU without a name")
        for gpu in tf.config.list_physical_devices("GPU")
    ]


def instructions() -> list[str]:
    """Return which of the instruction sets that decide how XLA rounds this processor has."""
    features = _multiarray_umath.__cpu_features__
    return [name for feature, name in _INSTRUCTIONS.items() if features.get(feature)]


def is_usual() -> bool:
    """Return whether this is an x86-64 processor with AVX2, all of which compute the same bits.

    Where the settings of `batchlab.foundation.arithmetic` are in force, that is.
    """
    return is_x86() and "AVX2" in instructions() and not why_not_alike()


def machine_report() -> list[str]:
    """Return what tells this machine from others, a line each; nothing that names its owner.

    Returns
    -------
    list of str
    """
    memory = psutil.virtual_memory().total / 2**30
    kernel = f"{platform.system()} {platform.machine()}"
    named = [f"{name}={_nameless(os.environ[name])}" for name in VARIABLES if name in os.environ]
    return [
        f"processor: {cpu_name()}, {joblib.cpu_count()} cores, {memory:.0f} GiB, {kernel}",
        f"instructions: {', '.join(instructions()) or 'none of AVX, AVX2, FMA, AVX-512'}",
        f"GPU: {', '.join(gpu_names()) or 'none'}",
        f"rounding: {_nameless(why_not_alike()) or 'alike on processors of this kind'}",
        f"environment: {', '.join(named) or 'nothing that changes how XLA computes'}",
    ]


def _nameless(flags: str) -> str:
    """Return flags without the paths that some of them hold: a folder can have its owner's name."""
    return re.sub(r"[^\s=]*[/\\]\S*", "…", flags)
