"""The newest wins: answers to values that come faster than they can be computed."""

import asyncio
import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")


class Latest(Generic[Value, Result]):
    """Compute in one thread the stages of the answer to the newest value, and show them.

    A value that comes while another is computed replaces the one that waits; so never more than
    one waits. What is computed is told when something newer came, and between two stages the thread
    drops the rest. What belongs to an older value is not shown.

    Parameters
    ----------
    stages : callable
        Takes a value and, as `stop`, a function that says whether something newer came; returns an
        iterable of results, each better than the one before. It runs in the thread.
    show : callable
        Takes a value and a result, in the event loop.
    fail : callable
        Takes a value and the exception that `stages` raised, in the event loop.
    settle : float
        Seconds to wait for a newer value before one is computed.

    Examples
    --------
    >>> import asyncio
    >>> async def last_of_three():
    ...     shown = []
    ...     squares = lambda n, stop: [n * n]
    ...     latest = Latest(squares, lambda n, square: shown.append(square), print)
    ...     for number in (1, 2, 3):
    ...         latest.submit(number)
    ...     await latest.idle()
    ...     latest.close()
    ...     return shown
    >>> asyncio.run(last_of_three())
    [9]
    """

    def __init__(
        self,
        stages: Callable[..., Iterable[Result]],
        show: Callable[[Value, Result], None],
        fail: Callable[[Value, Exception], None],
        *,
        settle: float = 0.0,
    ):
        self._stages, self._show, self._fail, self._settle = stages, show, fail, settle
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batchlab-latest")
        self._pending: list[Value] = []
        self._newest = 0
        self._task: asyncio.Task | None = None

    def submit(self, value: Value) -> None:
        """Ask for the answer to a value, in place of any other; call it in the event loop."""
        self._newest += 1
        self._pending[:] = [value]
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def meanwhile(self, work: Callable[..., object]) -> None:
        """Let the thread work ahead until a value comes; it takes `stop` as `stages` does."""
        number = self._newest
        self._pool.submit(work, stop=functools.partial(self._overtaken, number))

    async def idle(self) -> None:
        """Wait until the newest value is answered."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    def close(self) -> None:
        """Stop after the stage that is under way; nothing more is shown."""
        self._newest += 1
        self._pending.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            # Values that come in one go are one move: the first must not hold up the last.
            await asyncio.sleep(self._settle)
            if not self._pending:  # closed meanwhile
                return
            value, number = self._pending.pop(), self._newest
            try:
                await loop.run_in_executor(self._pool, self._run, value, number, loop)
            except Exception as error:
                if number == self._newest:
                    self._fail(value, error)

    def _run(self, value: Value, number: int, loop: asyncio.AbstractEventLoop) -> None:
        stop = functools.partial(self._overtaken, number)
        for result in self._stages(value, stop=stop):
            if stop():
                return
            loop.call_soon_threadsafe(self._offer, value, number, result)

    def _overtaken(self, number: int) -> bool:
        return number != self._newest

    def _offer(self, value: Value, number: int, result: Result) -> None:
        if number == self._newest:
            try:
                self._show(value, result)
            except Exception as error:
                self._fail(value, error)
