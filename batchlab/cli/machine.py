"""The commands about a machine: does it compute the published numbers, and is its GPU faster."""

from pathlib import Path
from typing import Any

import click

from batchlab.cli.endings import in_a_sentence
from batchlab.foundation.files import check_writable, replacing, same_file

DEVICE = click.Choice(["cpu", "gpu"], case_sensitive=False)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("fingerprint")
@click.option(
    "--epochs",
    metavar="N",
    type=click.IntRange(min=1, max=200),
    default=200,
    show_default=True,
    help="How many to compare; fewer are quicker.",
)
@click.option(
    "--device",
    type=DEVICE,
    help="What to compute on.  [default: the GPU if there is one]",
)
@click.option("--threads", metavar="N", type=click.IntRange(min=1), help="No number depends on it.")
@click.option("--report", metavar="FILE", type=_FILE, help="Write the report to a file as well.")
@click.option("--store", metavar="FILE", type=_FILE, help="For maintainers: keep the values, too.")
@click.pass_context
def fingerprint_command(
    context: click.Context,
    epochs: int,
    device: str | None,
    threads: int | None,
    report: Path | None,
    store: Path | None,
) -> None:
    """Compute the tutorial's runs and others, and say how far they agree with the published ones.

    To the last bit, in every accuracy, in every printed digit, or from which epoch on they do not.
    X86-64 processors with AVX2 must agree to the last bit, all others in every accuracy of the
    tutorial's runs but for the one that is chaotic. Nothing in the report names you or this
    machine's files: if it does not agree, please send it to us.

    The exit status is 0 if all agrees as it must, 1 if not, and 2 if the command is wrong.
    """
    with in_a_sentence():
        for name, path in (("report", report), ("store", store)):
            if path is not None:
                check_writable(name, path)
        if report is not None and store is not None and same_file(report, store):
            raise ValueError(f"report, store: expected two files, received {str(store)!r} twice.")

        from batchlab.reproducibility.fingerprints import fingerprint as compute
        from batchlab.reproducibility.fingerprints import write_fingerprint
        from batchlab.reproducibility.report import fingerprint_report

        own = compute(epochs=epochs, device=device, threads=threads)
        if store is not None:  # first: where the runs are others, there is no report
            write_fingerprint(own, store)
        text, agrees = fingerprint_report(own)
        click.echo(text)
        if report is not None:
            with replacing(report) as part:
                part.write_text(text + "\n", encoding="utf-8")
    context.exit(0 if agrees else 1)


@click.command()
@click.option(
    "--batch-size",
    "batch_sizes",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="A batch size to measure; for each one again.  [default: 1, 32, 500]",
)
@click.option(
    "--replicates",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="A number of replicates; for each one again.  [default: 1, 30, 2000]",
)
@click.option(
    "--device",
    type=DEVICE,
    help="The only one to measure.  [default: both]",
)
@click.option(
    "--epochs",
    metavar="N",
    type=click.IntRange(min=2),
    default=200,
    show_default=True,
    help="Of each training.",
)
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=2),
    default=10,
    show_default=True,
    help="In which the devices take turns.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=float,
    default=1.0,
    show_default=True,
    help="Of training that are enough; what takes longer is extrapolated.",
)
@click.option("--larger", is_flag=True, help="Measure a larger model on larger data as well.")
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="Of weights and arithmetic.",
)
def devices(**given: Any) -> None:
    """Measure from which batch size on, and from how many replicates, a GPU is faster.

    Trains on the CPU and on the GPU in turns, for some minutes, and prints the seconds of both, the
    ratio with its interval, and the answer in words. Where TensorFlow sees no GPU it says so.
    """
    from batchlab.benchmarks.devices import device_table

    with in_a_sentence():
        chosen = {name: value for name, value in given.items() if value not in (None, ())}
        click.echo(device_table(**chosen, say=lambda line: click.echo(line, err=True)))
