"""What the results of a notebook depend on: its parameters, the code, the environment."""

import contextlib
import hashlib
import math
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable

from .catalogue import Notebook

# What the library requires, and what runs a notebook.
PACKAGES = (
    "h5netcdf",
    "h5py",
    "ipykernel",
    "joblib",
    "keras",
    "lazy-loader",
    "matplotlib",
    "nbclient",
    "nbconvert",
    "numpy",
    "pandas",
    "papermill",
    "psutil",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tqdm",
    "xarray",
)
DEVICE = "BATCHLAB_DEVICE"


def changed(notebook: Notebook, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return those parameters that differ from a notebook's defaults.

    Parameters
    ----------
    notebook : Notebook
    parameters : mapping of str to object

    Returns
    -------
    dict of str to object
    """
    defaults = {name: found.default for name, found in notebook.declared.items()}
    # By what is written: 1, 1.0 and True are equal, but not the same.
    return {
        name: value for name, value in parameters.items() if repr(value) != repr(defaults[name])
    }


def made_of(
    notebook: Notebook, parameters: Mapping[str, object], device: str | None
) -> dict[str, object]:
    """Return what the results of a notebook depend on, for a manifest.

    Parameters
    ----------
    notebook : Notebook
    parameters : mapping of str to object
        Those given.
    device : {"cpu", "gpu"} or None
        None is that of the environment, or what the library chooses.

    Returns
    -------
    dict
        Of values that JSON knows: ``parameters`` (those that differ from the defaults),
        ``notebook`` and ``library`` (digests), ``versions`` and ``device``; ``files`` (digests by
        parameter) where one names a file.
    """
    found = changed(notebook, parameters)
    files = _digests_of_files(found)
    return {
        **({"files": files} if files else {}),
        "parameters": {name: for_json(found[name]) for name in sorted(found)},
        "notebook": notebook.digest,
        "library": library_digest(),
        "versions": versions(),
        "device": device or os.environ.get(DEVICE) or None,
    }


def _digests_of_files(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return digests of the files that parameters name, perhaps with ":function" behind."""
    found = {}
    for name, value in sorted(parameters.items()):
        named = [value, value.rpartition(":")[0]] if isinstance(value, str) else []
        for path in named:
            with contextlib.suppress(OSError, ValueError):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def for_json(value: object) -> object:
    """Return a value as standard JSON can hold it, which has no NaN and no infinity."""
    if isinstance(value, list):
        return [for_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


@cache
def library_digest() -> str:
    """Return a digest of the library's files."""
    found = hashlib.sha256()
    for name, file in _files(resources.files("batchlab"), ""):
        for part in (name.encode(), file.read_bytes()):
            found.update(hashlib.sha256(part).digest())
    return found.hexdigest()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        name = f"{prefix}{each.name}"
        if each.name.startswith((".", "__pycache__")):
            continue
        found += _files(each, f"{name}/") if each.is_dir() else [(name, each)]
    return found


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that are there; none is imported."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
