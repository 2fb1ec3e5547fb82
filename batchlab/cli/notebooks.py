"""The command line: ``run`` executes notebooks, ``list`` shows them, ``index`` links the results.

``fingerprint`` and ``devices`` are about the machine.

A command imports what it needs when it is called: ``--help`` and ``list`` are there at once.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchlab.cli.endings import Commands, in_a_sentence, stopped
from batchlab.cli.machine import DEVICE, devices, fingerprint_command
from batchlab.foundation.extras import NOTEBOOKS, check_extra
from batchlab.foundation.version import __version__

if TYPE_CHECKING:
    from batchlab.runner.catalogue import Notebook
    from batchlab.runner.plan import NotebookRun

# A mark of click's: the lines below it stay as they are.
_FIRST_STEPS = """\b
Examples:
  batchlab list                 the notebooks, their questions and parameters
  batchlab run minibatch        execute one; its page comes to outputs/
  batchlab run --jobs 2         execute all, two at a time
  batchlab fingerprint          does this machine compute the published numbers?
"""
_RUN_EXAMPLES = """\b
Examples:
  batchlab run minibatch -p batch_size=64
  batchlab run 05 -p 'batch_sizes=[4, 8, 500]' -p optimizer=Adam --output outputs/adam
  batchlab run minibatch batch-sizes --params video --jobs 2 --device cpu
"""
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_FIRST_STEPS,
)
@click.version_option(__version__, prog_name="batchlab")
def batchlab() -> None:
    """Execute the notebooks on what the batch size does to training, in batch."""


batchlab.add_command(fingerprint_command)
batchlab.add_command(devices)


_names = click.argument("names", nargs=-1, metavar="[NOTEBOOK]...")
_notebooks = click.option(
    "--notebooks",
    metavar="DIR",
    type=_FOLDER,
    help="Where the notebooks are.  [default: notebooks, here or beside the library]",
)
_params = click.option(
    "--params",
    metavar="NAME|FILE",
    help="Parameters from a YAML file: a source's (such as video) or your own.",
)
_output = click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=_FOLDER,
    help="Where results go.  [default: outputs, or outputs/NAME with --params NAME]",
)


@batchlab.command(epilog=_RUN_EXAMPLES)
@_names
@click.option(
    "-p",
    "--parameter",
    "texts",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a parameter, over --params; for each one again.",
)
@_params
@click.option(
    "-j",
    "--jobs",
    "at_a_time",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many notebooks to execute at a time.",
)
@_output
@click.option(
    "--device",
    type=DEVICE,
    help="Where every notebook trains.  [default: the GPU if there is one]",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    help="How long one cell may take.  [default: 1800]",
)
@click.option("--force", is_flag=True, help="Execute also what is finished and has not changed.")
@_notebooks
@click.pass_context
def run(
    context: click.Context,
    names: Sequence[str],
    texts: Sequence[str],
    params: str | None,
    at_a_time: int,
    output: Path | None,
    device: str | None,
    timeout: int | None,
    force: bool,
    notebooks: Path | None,
) -> None:
    """Execute notebooks headless, and make their pages.

    NOTEBOOK is a name (04-minibatch, minibatch, 04) or a path. Without any, all that have a number
    are executed; with --params those that re-run the experiments of the sources, 02 to 05.

    A parameter must be one that a notebook declares, and its value of the default's type: a number,
    true or false, a text, or a list of these such as '[4, 8]'. It is never code. With several
    notebooks a parameter goes to those that declare it.

    What is finished with the same parameters, code and environment is kept, so that a batch that
    was stopped goes on where it was: DIR/manifest.json tells. Other parameters in the same DIR
    replace the earlier result of that notebook.

    The exit status is 0 if all is there, 1 if a notebook failed (the others are executed all the
    same), 2 if the command is wrong, and 130 if it was stopped.
    """
    from batchlab.runner import jobs, parameters, plan
    from batchlab.runner.listing import outcomes

    with in_a_sentence():
        check_extra(*NOTEBOOKS)
        found, file = parameters.chosen_notebooks(names, notebooks, params)
        output = output or parameters.default_output(file)
        given = parameters.given(found, texts, file)
        runs = _planned(found, given, output, device=device, force=force)
        plan.prepare(output)
    finished = jobs.execute_all(
        runs, output, say=_say, at_a_time=at_a_time, timeout=timeout, device=device
    )
    for report in filter(None, (each.report for each in runs)):
        click.echo(f"\n{report}\n", err=True)
    click.echo()
    click.echo(outcomes(runs, output))
    if not finished:
        stopped(context)
    click.echo()
    _write_index(output, found, file)
    context.exit(1 if any(each.result == "failed" for each in runs) else 0)


@batchlab.command("list")
@_names
@click.option("-v", "--verbose", is_flag=True, help="A line for each parameter, with its meaning.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for a program to read.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=_FOLDER,
    default="outputs",
    show_default=True,
    help="The results that say how long a notebook took here.",
)
@_notebooks
def list_notebooks(
    names: Sequence[str], verbose: bool, as_json: bool, output: Path, notebooks: Path | None
) -> None:
    """Show the notebooks and their parameters.

    Of each its question, its running time, and its parameters with types and defaults.

    NOTEBOOK is a name (04-minibatch, minibatch, 04) or a path; then each parameter has a line.
    """
    from batchlab.runner import parameters
    from batchlab.runner.listing import described, in_words

    with in_a_sentence():
        found, _ = parameters.chosen_notebooks(names, notebooks, None)
        if as_json:
            click.echo(json.dumps(described(found, output), indent=2, ensure_ascii=False))
        else:
            click.echo(in_words(found, output, verbose=verbose or bool(names)))


@batchlab.command()
@_names
@_params
@_output
@_notebooks
@click.pass_context
def index(
    context: click.Context,
    names: Sequence[str],
    params: str | None,
    output: Path | None,
    notebooks: Path | None,
) -> None:
    """Write the page that links executed notebooks anew.

    `batchlab run` does so by itself.
    """
    from batchlab.runner import parameters

    with in_a_sentence():
        check_extra(*NOTEBOOKS)
        found, file = parameters.chosen_notebooks(names, notebooks, params)
        failed = _write_index(output or parameters.default_output(file), found, file)
    for name in failed:
        click.echo(f"FAILED  {name}: it did not run to its end", err=True)
    context.exit(1 if failed else 0)


def _say(line: str) -> None:
    click.echo(line)


def _planned(
    found: Sequence["Notebook"],
    given: Sequence[Mapping[str, object]],
    output: Path,
    *,
    device: str | None,
    force: bool,
) -> list["NotebookRun"]:
    from batchlab.runner.manifest import ManifestError
    from batchlab.runner.plan import plan

    try:
        return plan(found, given, output, device=device, force=force)
    except ManifestError as error:
        click.echo(str(error), err=True)
        return plan(found, given, output, device=device, force=True)


def _write_index(output: Path, found: Sequence["Notebook"], file: Path | None) -> list[str]:
    from batchlab.runner.pages import write_index

    chosen = {notebook.name for notebook in found}
    # What earlier batches have left in this folder stays on its page.
    there = {path.stem for path in output.glob("*.html") if path.with_suffix(".ipynb").is_file()}
    parameters = file.stem if file else None
    written, failed = write_index(output, sorted(chosen | there), parameters=parameters)
    click.echo(f"Open {written}")
    return [name for name in failed if name in chosen]
