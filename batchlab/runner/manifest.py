"""The manifest of a folder of results: what each was made of, so that it is not made again.

A manifest is data. It names no path: the files of a notebook follow from the notebook's name, so
that whoever wrote a manifest cannot have files read or written outside its folder.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from batchlab.foundation.files import replacing

MANIFEST = "manifest.json"
_VERSION = 1
# Larger by far than any that is written here.
_MOST_BYTES = 16_000_000
_MOST_LEVELS = 6
_ENDINGS = (".ipynb", ".html")


class ManifestError(ValueError):
    """A manifest that is not one as it is written here."""


def read(output_dir: Path) -> dict[str, dict]:
    """Return what a manifest says of each notebook that was run to its end.

    Parameters
    ----------
    output_dir : pathlib.Path
        The folder of results.

    Returns
    -------
    dict of str to dict
        By the notebook's name: ``made_of`` (see `batchlab.runner.provenance`), ``seconds``,
        ``finished`` and ``files`` with their sizes and digests. Empty if there is no manifest.

    Raises
    ------
    ManifestError
        If it is damaged, of another version or no file of its own. The message is one sentence.
    """
    path = output_dir / MANIFEST
    if not os.path.lexists(path):
        return {}
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is no plain file of a reasonable size")
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise ValueError(f"it is not of version {_VERSION}")
        runs = content.get("runs")
        if not isinstance(runs, dict) or not all(map(_is_entry, runs.values())):
            raise ValueError("it does not say what was run")
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise ManifestError(
            f"expected a manifest of `batchlab run` in {path}, but {reason}; "
            "everything is run anew, and it is replaced"
        ) from error
    return runs


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no JSON")


def _is_shallow(value: object, levels: int) -> bool:
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return True
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in inner)


def _is_entry(entry: object) -> bool:
    if not _is_shallow(entry, _MOST_LEVELS):
        return False
    if not isinstance(entry, dict) or not isinstance(entry.get("made_of"), dict):
        return False
    return is_seconds(entry.get("seconds")) and isinstance(entry.get("files"), dict)


def is_seconds(value: object) -> bool:
    """Whether what stands in a file can be how many seconds a notebook took.

    Parameters
    ----------
    value : object
        As JSON gave it.

    Returns
    -------
    bool
        Nothing that runs takes thirty years; and larger whole numbers may not be floats.
    """
    return type(value) in (int, float) and 0 <= cast(float, value) < 1e9


def is_whole(output_dir: Path, name: str, entry: Mapping) -> bool:
    """Whether a notebook's files are there as they were when its run was finished.

    Parameters
    ----------
    output_dir : pathlib.Path
    name : str
        The notebook's.
    entry : mapping
        What the manifest says of it.

    Returns
    -------
    bool
    """
    try:
        return entry["files"] == _files(output_dir, name)
    except OSError:
        return False


def _files(folder: Path, name: str) -> dict[str, dict]:
    return {f"{name}{ending}": _fingerprint(folder / f"{name}{ending}") for ending in _ENDINGS}


def _fingerprint(path: Path) -> dict[str, object]:
    if path.is_symlink() or not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


@contextlib.contextmanager
def locked(output_dir: Path) -> Iterator[None]:
    """Hold a folder of results: of several commands only one at a time changes what is there.

    Parameters
    ----------
    output_dir : pathlib.Path
    """
    # The folder itself is locked: no file is left, and the lock goes with the process.
    handle = os.open(output_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A file system that knows no locks is seldom shared by two commands.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def describe(folder: Path, name: str, about: Mapping[str, object]) -> dict[str, object]:
    """Return what a manifest is to say of a notebook whose files are in a folder.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        The notebook's.
    about : mapping
        ``made_of``, ``seconds`` and ``finished``.
    """
    return {**about, "files": _files(folder, name)}


def write(output_dir: Path, name: str, entry: Mapping[str, object]) -> None:
    """Write what a notebook was made of; what the manifest says of others stays.

    Parameters
    ----------
    output_dir : pathlib.Path
        Held by `locked`.
    name : str
        The notebook's.
    entry : mapping
        Of `describe`.
    """
    try:
        runs = read(output_dir)
    except ManifestError:
        runs = {}
    runs[name] = dict(entry)
    content = {"version": _VERSION, "runs": dict(sorted(runs.items()))}
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with replacing(output_dir / MANIFEST) as part, part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
