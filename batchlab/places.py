"""Where a file is that somebody names: from here, or from where `batchlab run` was called."""

import os
from pathlib import Path

# A notebook runs in its own folder, but who calls the command names files from another.
CALLED_FROM = "BATCHLAB_CALLED_FROM"


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
