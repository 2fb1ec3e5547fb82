"""Files that are there whole, or as they were before."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
