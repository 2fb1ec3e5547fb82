"""A progress bar that is silent when nobody watches."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from tqdm import tqdm

SECONDS_UNSEEN = 1  # a run shorter than this shows no bar
SECONDS_A_TICK = 1

# Set by the programs in which a person has the notebook open; papermill and nbval set none.
_INTERACTIVE_NOTEBOOKS = ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_JUPYTER_IP")


def watched() -> bool:
    """Return whether a person sees what is written to standard error now."""
    if type(sys.stderr).__module__.startswith("ipykernel"):
        return any(name in os.environ for name in _INTERACTIVE_NOTEBOOKS)
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, it is closed or of another kind
        return False


def progress_bar(
    total: int, *, unit: str, description: str, show: bool | None = None, done: int = 0
) -> tqdm:
    """Return a bar on standard error that appears after a second and leaves nothing behind.

    Parameters
    ----------
    total : int
        Units of work.
    unit : str
        What is counted, such as ``"update"``.
    description : str
        What runs.
    show : bool or None
        None shows it where somebody watches: a terminal, an open notebook.
    done : int
        Units that were done before.

    Returns
    -------
    tqdm.tqdm
    """
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}s",
        unit_scale=total >= 10_000,
        smoothing=0,  # what is left takes as long as what is done: cells come in waves
        desc=description,
        delay=SECONDS_UNSEEN,
        leave=False,
        disable=not (watched() if show is None else show),
    )


@contextlib.contextmanager
def ticking(bar: tqdm) -> Iterator[None]:
    """Draw a bar anew each second inside the body, for units that take longer than that."""
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(SECONDS_A_TICK):
            bar.refresh()

    thread = threading.Thread(target=draw, name="batchlab-progress", daemon=True)
    if not bar.disable:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if not bar.disable:
            thread.join()
