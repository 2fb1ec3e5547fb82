"""The command line: ``run`` executes one notebook, ``index`` writes the page that links them.

``python -m batchlab run NOTEBOOK OUTPUT_DIR``; ``python -m batchlab index OUTPUT_DIR NOTEBOOK...``;
both with ``--params FILE`` for notebooks that run with the parameters in a YAML file.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from .execution import ExecutionError, execute
from .pages import write_index


def _say(line: str, stream: TextIO) -> None:
    # One write a message: notebooks that run side by side share the terminal.
    stream.write(line + "\n")
    stream.flush()


def _run(notebook: str, output_dir: str, params: str | None) -> int:
    name = Path(notebook).stem
    _say(f"running {name} …", sys.stdout)
    started = time.monotonic()
    try:
        execute(notebook, output_dir, params)
    except ExecutionError as error:
        _say(f"\n{error}\n", sys.stderr)
        return 1
    _say(f"done    {name}  {time.monotonic() - started:.1f} s", sys.stdout)
    return 0


def _index(output_dir: str, notebooks: Sequence[str], params: str | None) -> int:
    index, failed = write_index(output_dir, notebooks, parameters=params and Path(params).stem)
    for name in failed:
        _say(f"FAILED  {name}: it did not run to its end, see above", sys.stderr)
    _say(f"Open {index}", sys.stdout)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m batchlab", description="Execute notebooks headless."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute one notebook, and make its page")
    run.add_argument("notebook", help="the notebook")
    run.add_argument("output_dir", help="the folder for what comes out")
    index = commands.add_parser("index", help="write the page that links executed notebooks")
    index.add_argument("output_dir", help="the folder with what came out")
    index.add_argument("notebooks", nargs="+", help="the notebooks, in their order")
    for command in run, index:
        command.add_argument("--params", metavar="FILE", help="a YAML file of parameters")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind the program's name; that of this process by default.

    Returns
    -------
    int
        The exit status: 0; 1 if a notebook failed; 2 if there is nothing to execute; 130 if
        stopped.
    """
    options = _parser().parse_args(arguments)
    # A kernel outlives the process that started it unless that process ends in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.command == "run":
            return _run(options.notebook, options.output_dir, options.params)
        return _index(options.output_dir, options.notebooks, options.params)
    except (OSError, TypeError, ValueError) as error:
        _say(str(error), sys.stderr)
        return 2
    except KeyboardInterrupt:
        _say("stopped", sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
