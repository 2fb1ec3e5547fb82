"""The runs of a batch, several at a time, each in a process of its own that a signal stops."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

import psutil

from batchlab.foundation.files import CALLED_FROM
from batchlab.runner import manifest, provenance
from batchlab.runner.catalogue import temporary_prefix
from batchlab.runner.plan import NotebookRun

# Seconds in which a kernel that is told to end does so.
_PATIENCE = 20
_MOST_LOG = 4000


def execute_all(
    runs: Sequence[NotebookRun],
    output_dir: Path,
    *,
    say: Callable[[str], None],
    at_a_time: int = 1,
    timeout: int | None = None,
    device: str | None = None,
) -> bool:
    """Execute the runs that are not kept, and note what came of each.

    Parameters
    ----------
    runs : sequence of Run
    output_dir : pathlib.Path
        Made by `prepare`.
    say : callable
        Takes a line whenever a notebook begins or ends.
    at_a_time : int
        Notebooks that run side by side.
    timeout : int, optional
        Seconds that one cell may take.
    device : {"cpu", "gpu"} or None

    Returns
    -------
    bool
        False if a signal has stopped it: no process and no temporary file is left, and what was
        finished stays.
    """
    for run in runs:
        if run.result == "kept":
            say(f"kept    {run.notebook.name}")
            with manifest.locked(output_dir):
                (output_dir / f"{run.notebook.name}.failed.ipynb").unlink(missing_ok=True)
    return asyncio.run(_all(runs, output_dir, say, at_a_time, timeout, _environment(device)))


def _environment(device: str | None) -> dict[str, str]:
    environment = dict(os.environ)
    environment.setdefault(CALLED_FROM, os.getcwd())
    if device is not None:
        environment[provenance.DEVICE] = device
    if device == "cpu":
        # TensorFlow takes the memory of every GPU that it sees, used or not.
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


async def _all(
    runs: Sequence[NotebookRun],
    output_dir: Path,
    say: Callable[[str], None],
    at_a_time: int,
    timeout: int | None,
    environment: Mapping[str, str],
) -> bool:
    places = asyncio.Semaphore(at_a_time)

    async def one(run: NotebookRun) -> None:
        async with places:
            say(f"running {run.notebook.name} …")
            task = {
                "notebook": str(run.notebook.path),
                "output_dir": str(output_dir),
                "parameters": run.parameters,
                "made_of": run.made_of,
                "timeout": timeout,
            }
            started = time.monotonic()
            await _execute(run, task, output_dir, environment)
            run.seconds = run.seconds or time.monotonic() - started
            if run.result != "stopped":
                word = "FAILED" if run.result == "failed" else run.result.ljust(6)
                say(f"{word}  {run.notebook.name}  {run.seconds:.1f} s")

    tasks = [asyncio.ensure_future(one(run)) for run in runs if run.result == "not run"]
    stopping = False

    def stop() -> None:
        nonlocal stopping
        # Once is enough: who presses Ctrl-C again must not interrupt the cleaning up.
        if not stopping:
            stopping = True
            for task in tasks:
                task.cancel()

    loop = asyncio.get_running_loop()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        # `nohup` has this one ignored. SIGINT is so in the background of a script, but whoever
        # sends it to a batch there means it.
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return not stopping


async def _execute(
    run: NotebookRun, task: Mapping[str, object], output_dir: Path, environment: Mapping[str, str]
) -> None:
    """Execute a notebook in a process of its own."""
    # Kernels tell their own troubles there, which matter only where there is nothing else.
    with tempfile.TemporaryFile() as log:
        await _answer(run, task, output_dir, environment, log)
        if run.result == "failed" and "\n" not in run.report:
            log.seek(0)
            said = log.read()[-_MOST_LOG:].decode(errors="replace").strip()
            run.report += f"\n\n{said}" if said else ""


async def _answer(
    run: NotebookRun,
    task: Mapping[str, object],
    output_dir: Path,
    environment: Mapping[str, str],
    log: IO[bytes],
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "batchlab.runner.one_notebook"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=log,
        env=environment,
        # Ctrl-C in a terminal reaches this process alone, which then stops the others in order.
        start_new_session=True,
    )
    asked = cast(asyncio.StreamWriter, process.stdin)
    line = b""
    stopped = False
    try:
        with contextlib.suppress(ConnectionError):
            asked.write(json.dumps(task).encode() + b"\n")
            await asked.drain()
        line = await cast(asyncio.StreamReader, process.stdout).read()
        await process.wait()
    except asyncio.CancelledError:
        stopped = True
        line = await _end(process)
    finally:
        # Open until now: its end tells the other process that this one is gone.
        asked.close()
    try:
        answer = json.loads(line)
        run.result, run.report = answer["result"], answer["report"]
        run.seconds = answer["seconds"]
    except ValueError:
        _remove_temporary(run.notebook.name, process.pid, output_dir)
        run.result = "stopped" if stopped else "failed"
        if not stopped:
            run.report = (
                f"FAILED  {run.notebook.name}: the process that ran it ended "
                f"with status {process.returncode}"
            )


async def _end(process: Process) -> bytes:
    """End a process and all that it has started; return what it has answered."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        answered = cast(asyncio.StreamReader, process.stdout)
        return await asyncio.wait_for(answered.read(), _PATIENCE)
    except TimeoutError:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return b""
    finally:
        await process.wait()


def _remove_temporary(name: str, process: int, output_dir: Path) -> None:
    for path in output_dir.iterdir():
        if path.name.startswith(temporary_prefix(name, process)):
            shutil.rmtree(path, ignore_errors=True)
