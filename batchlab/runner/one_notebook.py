"""Execute one notebook of a batch in a process of its own: papermill with `cwd` takes no threads.

The batch writes a line of JSON to this process and reads one: the result. If the batch is gone, or
asks for it by SIGTERM, the kernel is stopped and nothing is left.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import psutil

STOPPED = 130
_doomed: list[psutil.Process] = []


def main() -> int:
    """Execute what standard input describes; return the exit status, 130 if stopped."""
    # A kernel inherits standard output; the result goes where the kernel cannot write.
    answer = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _stop)
    # What went wrong comes back in the report; nbclient and papermill would say it as well.
    logging.disable()
    try:
        task = json.loads(sys.stdin.readline())
        threading.Thread(target=_stop_without_batch, daemon=True).start()
        line = json.dumps(_run(task)) + "\n"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(answer, line.encode())
        return 0
    except KeyboardInterrupt:
        return STOPPED
    finally:
        # A kernel that was still starting is not yet among those that papermill stops.
        _kill([*_doomed, *psutil.Process().children(recursive=True)])


def _run(task: Mapping) -> dict[str, object]:
    from batchlab.runner import manifest
    from batchlab.runner.execution import CELL_TIMEOUT, ExecutionError, executed, move_results

    notebook, output_dir = Path(task["notebook"]), Path(task["output_dir"])
    started = time.monotonic()
    result, report, seconds = "done", "", None
    timeout = task["timeout"] or CELL_TIMEOUT
    try:
        with executed(notebook, output_dir, task["parameters"], cell_timeout=timeout) as folder:
            seconds = round(time.monotonic() - started, 3)
            about = {
                "made_of": task["made_of"],
                "seconds": seconds,
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            entry = manifest.describe(folder, notebook.stem, about)
            with manifest.locked(output_dir):
                move_results(folder, output_dir, notebook.stem)
                manifest.write(output_dir, notebook.stem, entry)
    except ExecutionError as error:
        result, report = "failed", str(error)
    except Exception as error:  # of papermill, nbconvert, the disk: the other notebooks go on
        reason = " ".join(str(error).split())
        result, report = "failed", f"FAILED  {notebook.stem}: {type(error).__name__}: {reason}"
    seconds = time.monotonic() - started if seconds is None else seconds
    return {"result": result, "report": report, "seconds": seconds}


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: another signal must not interrupt the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What a kernel has started is no longer known as its own once the kernel is gone.
    _doomed.extend(psutil.Process().children(recursive=True))
    raise KeyboardInterrupt


def _stop_without_batch() -> None:
    # Past Python's own buffer, whose lock must be free when this process ends.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue


if __name__ == "__main__":
    sys.exit(main())
