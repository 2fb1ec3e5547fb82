"""Which of the library's own code a result depends on: what the modules that make it import."""

import itertools
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from batchlab.foundation.files import digest

_IMPORT = re.compile(r"^ *from (batchlab[\w.]*) import (\([^)]*|.*)", re.MULTILINE)
_NO_DATA = ".py", ".pyi", ".pyc"


def digest_behind(names: Iterable[str]) -> str:
    """Return a digest of modules of the library, of all that they import of it, and of data beside.

    An edit of any other module leaves it as it was.

    Parameters
    ----------
    names : iterable of str
        Such as "batchlab.engine.training".

    Returns
    -------
    str
    """
    files = modules_behind(names)
    folders = {file.parent for file in files.values()}
    files |= {
        f"{folder.name}/{data.name}": data
        for folder in folders
        for data in folder.iterdir()
        if data.is_file() and not data.name.startswith(".") and data.suffix not in _NO_DATA
    }
    parts = ((name.encode(), files[name].read_bytes()) for name in sorted(files))
    return digest(*itertools.chain.from_iterable(parts))


def modules_behind(names: Iterable[str]) -> dict[str, Path]:
    """Return modules of the library and all that they import of it, directly or not.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to pathlib.Path
        Their files by their names.
    """
    root, left, seen, found = Path(str(resources.files("batchlab"))), list(names), {""}, {}
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if file := _file_of(root, name):
            found[name] = file
            left.append(name.rpartition(".")[0])  # the package that it is in
            left += imported_in(file.read_text(encoding="utf-8"))
    return found


def imported_in(source: str) -> list[str]:
    """Return what Python's text imports of the library: modules, and each name as one of theirs.

    Parameters
    ----------
    source : str

    Returns
    -------
    list of str
        Such as "batchlab.engine.step" and "batchlab.engine.step.Replicate", which is no module.
    """
    found = []
    for module, names in _IMPORT.findall(source):
        found += [module, *(f"{module}.{each}" for each in re.findall(r"\w+", names))]
    return found


def public_modules() -> dict[str, str]:
    """Return the module of each public name.

    Returns
    -------
    dict of str to str
    """
    stub = (resources.files("batchlab") / "__init__.pyi").read_text(encoding="utf-8")
    return {
        name: f"batchlab.{module}"
        for module, name in re.findall(r"^from \.([\w.]+) import \w+ as (\w+)$", stub, re.MULTILINE)
    }


def _file_of(root: Path, name: str) -> Path | None:
    place = root.joinpath(*name.split(".")[1:])
    for file in (place.parent / f"{place.name}.py", place / "__init__.py"):
        if file.is_file():
            return file
    return None
