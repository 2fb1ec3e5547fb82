"""`make bench`: the speed of batchlab beside Keras's fit, measured in turn in one process.

python -m batchlab.benchmarks --help

A CPU beside a GPU is another table: batchlab devices.
"""

import argparse
import time

import batchlab as bl
from batchlab.benchmarks.fit import (
    REPEATS,
    TutorialRun,
    measure_batchlab,
    measure_keras,
    speed_table,
)
from batchlab.benchmarks.sweep import report
from batchlab.costs.machine import machine_in_words


def main(arguments: list[str] | None = None) -> None:
    """Print the speed table of `fit`, then the speed of a sweep."""
    parser = argparse.ArgumentParser(
        prog="python -m batchlab.benchmarks",
        description="Seconds of Keras's fit and of batchlab on the tutorial's three runs, and on "
        "its figure of eight panels, and their ratios.",
        epilog="A CPU beside a GPU: batchlab devices.",
    )
    parser.add_argument("--epochs", type=int, default=200, help="of each run (default 200)")
    parser.add_argument(
        "--fit-epochs",
        type=int,
        default=20,
        help="that Keras's fit is made to run after its first; the rest is extrapolated, since its "
        "time grows linearly with the epochs (default 20; give --epochs for all)",
    )
    parser.add_argument("--replicates", type=int, default=30, help="side by side (default 30)")
    parser.add_argument(
        "--many", type=int, default=300, help="replicates to compare with these (default 300)"
    )
    given = parser.parse_args(arguments)
    for name in ("epochs", "fit_epochs", "replicates", "many"):
        if getattr(given, name) < 1:
            option = name.replace("_", "-")
            parser.error(f"--{option}: expected at least 1, received {getattr(given, name)}.")
    problem = bl.blobs()
    # What TensorFlow does once in a process is not counted for or against either.
    warm_up = bl.blobs(60, n_train=30)
    measure_keras(warm_up, TutorialRun(30, 0.01, 1), 1)
    measure_batchlab(warm_up, TutorialRun(30, 0.01, 1), 1)
    begin = time.perf_counter()
    print(
        speed_table(
            problem, epochs=given.epochs, fit_epochs=given.fit_epochs, replicates=given.replicates
        )
    )
    print(
        "\n"
        + report(
            problem,
            epochs=given.epochs,
            fit_epochs=given.fit_epochs,
            replicates=given.replicates,
            many=given.many,
        )
    )
    print(
        f"\nSeconds (updates per second) of {given.epochs} epochs; the ratio is Keras's seconds by "
        f"batchlab's.\nKeras's fit ran {given.fit_epochs + 1} epochs in float32, its default; the "
        "rest is extrapolated, since its time grows linearly.\nbatchlab's ran all of them in "
        f"float64, without compiling the median of {REPEATS} calls.\n"
        f"{machine_in_words()}; all of it took {time.perf_counter() - begin:.0f} s."
    )


if __name__ == "__main__":
    main()
