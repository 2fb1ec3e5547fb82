"""What the results of a notebook depend on: its parameters, the code, the environment."""

import contextlib
import hashlib
import math
import os
import platform
import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import metadata

from batchlab.foundation.sources import digest_behind, public_modules
from batchlab.runner.catalogue import Notebook

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
EXECUTED_BY = "batchlab.runner.one_notebook"


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
        "library": library_digest(notebook),
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


def library_digest(notebook: Notebook) -> str:
    """Return a digest of what of the library decides the results of a notebook.

    That is what its cells name of it, with all that this imports, and what executes a notebook;
    the whole library where cells refer to it otherwise than by ``bl.`` and a public name.
    """
    known = public_modules()
    code = re.sub(r"^import batchlab as bl$", "", notebook.code, flags=re.MULTILINE)
    used: Collection[str] = re.findall(r"\bbl\.(\w+)", code)
    otherwise = re.search(r"\b(import|from) batchlab|import_module|__import__", code)
    if otherwise or len(used) != len(re.findall(r"\bbl\b", code)):
        used = known
    return digest_behind(
        ["batchlab", EXECUTED_BY, *(known[name] for name in used if name in known)]
    )


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
