"""Which of the library's own code a result depends on: what the modules that make it import."""

import hashlib
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

_IMPORT = re.compile(r"^ *from (batchlab[\w.]*) import (\([^)]*|.*)", re.MULTILINE)


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
    files |= {
        f"{name} {data.name}": data
        for name, file in files.items()
        for data in file.parent.iterdir()
        if data.is_file() and not data.name.endswith((".py", ".pyi", ".pyc"))
    }
    found = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].read_bytes()):
            found.update(hashlib.sha256(part).digest())
    return found.hexdigest()


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
    root, left, found = Path(str(resources.files("batchlab"))), list(names), {}
    while left:
        name = left.pop()
        if name and name not in found and (file := _file_of(root, name)):
            found[name] = file
            left.append(name.rpartition(".")[0])  # the package that it is in
            for module, imported in _IMPORT.findall(file.read_text(encoding="utf-8")):
                left += [module, *(f"{module}.{each}" for each in re.findall(r"\w+", imported))]
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
