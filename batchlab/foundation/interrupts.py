"""Ctrl-C while modules are imported: NumPy and TensorFlow cannot be imported twice."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

# Who presses again so much later, in seconds, sees an import that hangs.
PATIENCE = 30.0


class _Later:
    """A handler of SIGINT that remembers it, for the handler that was there before."""

    torn = False  # an import was stopped in this process

    def __init__(self, handler: Callable[[int, FrameType | None], object]):
        self.handler = handler
        self.first: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = now
        elif now - self.first >= PATIENCE:
            try:
                self.handler(number, frame)
            except BaseException:
                _Later.torn = True
                raise


def _installed() -> _Later | None:
    handler = signal.getsignal(signal.SIGINT)
    # What the system does with it, SIG_IGN or SIG_DFL, is no concern of Python's.
    if isinstance(handler, _Later) or not callable(handler):
        return None
    later = _Later(handler)
    try:
        signal.signal(signal.SIGINT, later)
    except ValueError:  # in another thread than the main one, which alone is interrupted
        return None
    return later


@contextlib.contextmanager
def imported_whole() -> Iterator[None]:
    """Hold Ctrl-C back while the body imports; whoever handles it does so at the body's end.

    Pressed again half a minute after the first time or later, it is handled at once.

    Raises
    ------
    ImportError
        If the body fails, and so it stopped an import in this process.
    """
    later = _installed()
    try:
        yield
    except Exception as error:
        if _Later.torn:
            raise ImportError(
                "imports: expected modules that were imported whole, received some whose import "
                "was interrupted; start Python anew (in a notebook, restart the kernel)."
            ) from error
        raise
    finally:
        # A handler that a module has installed meanwhile stays.
        now = signal.getsignal(signal.SIGINT)
        if isinstance(now, _Later) and now is later:
            signal.signal(signal.SIGINT, now.handler)
            if now.first is not None:
                signal.raise_signal(signal.SIGINT)
