"""The cells of a sweep, trained: here, or by other processes."""

import contextlib
import pickle
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import joblib
import xarray as xr
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend

from batchlab.engine.losses import packed, unpacked
from batchlab.engine.training import Starts, Training
from batchlab.foundation.backend import building, keras_settings, with_keras_settings
from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.problem import Problem
from batchlab.training.grid import Cell

# Programs of so many cells are compiled side by side before the first of them is trained, so that
# the seconds of training are not those of a machine that compiles meanwhile.
CELLS_AHEAD = 16
STARTS_BYTES = 256 * 2**20
ATTEMPTS = 3

Trained = Generator[tuple[Cell, xr.Dataset], None, None]
# What a cell leaves behind on its way to another process, and gets back there.
_SENT_BESIDE: dict[str, Any] = {"problem": None, "loss": None}


class SharedStarts:
    """Initial weights, drawn once for all cells of a sweep that have the same model and problem.

    Drawing them costs 14 ms a replicate, as much as training it.
    """

    def __init__(self):
        self._kept: OrderedDict[str, Starts] = OrderedDict()

    def of(self, cell: Cell, training: Training) -> Starts:
        """Return what a cell's replicates start from."""
        kept = self._kept.get(cell.model)
        # A build that does not depend on the seed alone must not get another cell's weights.
        if kept is None or not training.starts_like(kept):
            kept = training.draw(show_progress=False)
            self._kept[cell.model] = kept
        self._kept.move_to_end(cell.model)
        while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > STARTS_BYTES:
            self._kept.popitem(last=False)
        return kept


def _size(starts: Starts) -> int:
    return sum(values.nbytes for part in starts for values in part)


def elsewhere(n_jobs: int | None) -> bool:
    """Return whether cells are to be trained by other processes.

    Parameters
    ----------
    n_jobs : int or None
        As `batchlab.sweep` takes it.

    Raises
    ------
    TypeError, ValueError
        If it is neither None nor a whole number other than 0, or joblib is told to fork.
    """
    if n_jobs is not None:
        n_jobs = whole_number("n_jobs", n_jobs, minimum=-(10**6), maximum=10**6)
        if n_jobs == 0:
            raise ValueError(
                "n_jobs: expected a number of processes, -1 for one on each core, or None, "
                "received 0."
            )
    backend, of_context = get_active_backend()
    if type(backend).__name__ == "MultiprocessingBackend":
        raise ValueError(
            "joblib.parallel_config: expected a backend such as 'loky' or 'dask', received "
            "'multiprocessing', which forks, and TensorFlow does not survive that."
        )
    of_joblib = type(backend).__module__ == "joblib._parallel_backends"
    return not of_joblib or (n_jobs if n_jobs is not None else of_context) not in (None, 1)


def train_here(cells: Sequence[Cell], *, cores: int) -> Trained:
    """Train cells one after the other in this process; yield each with its history.

    Parameters
    ----------
    cells : sequence of Cell
    cores : int
        With one, each cell is compiled just before it is trained, else several before that.
    """
    starts = SharedStarts()
    ahead = 1 if cores == 1 else CELLS_AHEAD
    for begin in range(0, len(cells), ahead):
        # One at a time: XLA itself uses several cores, and so the seconds are those of one program.
        pool = ThreadPoolExecutor(1)
        try:
            wave = []
            for cell in cells[begin : begin + ahead]:
                training = cell.training()
                training.trace()
                wave.append((cell, training, pool.submit(training.compile)))
                starts.of(cell, training)
            for _, _, compiling in wave:
                compiling.result()
            for cell, training, _ in wave:
                yield cell, training.train(starts.of(cell, training), show_progress=False)
        finally:
            pool.shutdown(cancel_futures=True)


def train_elsewhere(cells: Sequence[Cell], *, n_jobs: int | None) -> Trained:
    """Train cells in joblib's processes or on its cluster; yield each as it is finished.

    If processes die, what was in their hands is handed to others, twice.

    Parameters
    ----------
    cells : sequence of Cell
    n_jobs : int or None
        Processes at a time; None is what ``joblib.parallel_config`` says.

    Raises
    ------
    RuntimeError
        If processes have died three times.
    TypeError
        If a cell cannot be sent to another process.
    """
    left = {cell.place: cell for cell in cells}
    if not left:
        return
    sweep = uuid.uuid4().hex
    with building:  # else another thread's training may have changed them for a moment
        settings = keras_settings()
    for attempt in range(1, ATTEMPTS + 1):
        jobs = n_jobs
        if n_jobs is not None:
            # Not one for the last cell: joblib would train it here, and if it is what kills its
            # process, that would be this one.
            jobs = min(joblib.effective_n_jobs(n_jobs), max(len(left), 2))
        workers = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        # A problem is an argument of its own: with joblib's Dask backend the caller may have it
        # scattered once instead of sent with each cell.
        calls = [
            joblib.delayed(_train)(
                replace(cell, **_SENT_BESIDE),
                cell.problem,
                packed(cell.loss),
                sweep,
                settings,
            )
            for cell in left.values()
        ]
        try:
            with _quietly_closing(workers(calls)) as results:
                for place, history in results:
                    yield left.pop(place), history
            return
        except pickle.PicklingError as error:
            raise TypeError(
                "build, loss: expected what can be sent to another process, received one that "
                f"cannot: {shown(_last_line(error.__cause__ or error))}."
            ) from error
        except TerminatedWorkerError as error:
            if attempt == ATTEMPTS:
                raise RuntimeError(
                    f"n_jobs: expected processes that live to their end, but one was killed or ran "
                    f"out of memory, {ATTEMPTS} times; {len(left)} cells are not finished."
                ) from error


@contextlib.contextmanager
def _quietly_closing(results: Generator) -> Iterator[Generator]:
    """Close joblib's results at the end; it warns of those that nobody waits for any more."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ tasks", UserWarning)
            results.close()


def _last_line(error: BaseException) -> str:
    """Return what an error says, behind the traceback that joblib may have put before it."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), "")


# In a worker process: the weights of the sweep that it is working for.
_starts: dict[str, SharedStarts] = {}


def _train(
    cell: Cell, problem: Problem, loss: tuple | None, sweep: str, settings: dict
) -> tuple[tuple[int, ...], xr.Dataset]:
    if sweep not in _starts:
        _starts.clear()
    starts = _starts.setdefault(sweep, SharedStarts())
    with with_keras_settings(settings):
        training = replace(cell, problem=problem, loss=unpacked(loss)).training()
        training.trace()
        # In this thread, which holds Keras's settings: compiling may have to trace again.
        training.compile()
        initial = starts.of(cell, training)
    return cell.place, training.train(initial, show_progress=False)
