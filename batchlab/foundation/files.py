"""Files: there whole or as they were before, where somebody's is, and digests of bytes."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# A notebook runs in its own folder, but who calls the command names files from another.
CALLED_FROM = "BATCHLAB_CALLED_FROM"


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, and move the file that is written there into place.

    If anything fails before, what was in its place stays, and nothing else is left.

    Parameters
    ----------
    path : path
        Of the file, in a folder that exists.

    Yields
    ------
    pathlib.Path
        In a folder of its own within that folder, so that moving it does not copy it. What is
        created there has the permissions that any new file has.

    Examples
    --------
    >>> with replacing("report.txt") as part:
    ...     part.write_text("whole")
    5
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        part = Path(folder, path.name)
        yield part
        os.replace(part, path)


def check_writable(name: str, path: Path) -> None:
    """Check that a file can be written where it is asked for, before it is computed.

    Parameters
    ----------
    name : str
        What the file is called in the error.
    path : pathlib.Path

    Raises
    ------
    OSError, ValueError
        If it is no file, or its folder does not exist or cannot be written to.
    """
    if not path.name or path.is_dir():
        raise ValueError(f"{name}: expected a file, received {str(path)!r}, which is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{name}: expected a file in a folder that exists, received {str(path)!r}."
        )
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise type(error)(
            f"{name}: expected a file in a folder that can be written to, received {str(path)!r}: "
            f"{error.strerror}."
        ) from error


def placed(path: str | os.PathLike[str]) -> Path:
    """Return a path; a relative one that is not here is looked for where the command was called.

    Parameters
    ----------
    path : path
        "~" is the home folder.

    Returns
    -------
    pathlib.Path
        As given if there is nothing at either place.
    """
    given = Path(path).expanduser()
    folder = os.environ.get(CALLED_FROM)
    if folder and not os.path.exists(given) and os.path.exists(Path(folder, given)):
        return Path(folder, given)
    return given


def same_file(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one file or folder, by links or by another spelling.

    Parameters
    ----------
    first, second : pathlib.Path
        Whether there is something or not.

    Returns
    -------
    bool
    """
    first, second = first.resolve(), second.resolve()
    try:
        return first.samefile(second)
    except OSError:  # not both are there
        return first == second


def digest(*parts: bytes) -> str:
    """Return a digest of some bytes, in order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part).digest())
    return found.hexdigest()[:32]
