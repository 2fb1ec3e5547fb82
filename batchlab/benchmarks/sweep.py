"""Speed of `batchlab.sweep` on the tutorial's figure of eight panels, against Keras's fit."""

import batchlab as bl
from batchlab.benchmarks.fit import TutorialRun, measure_keras, seconds_of
from batchlab.engine.program import forget_programs

PANELS = (4, 8, 16, 32, 64, 128, 256, 450)
ALONE = 32  # the panel that all eight of batchlab's are compared with
JOBS = 2


def report(problem: bl.Problem, *, epochs: int, fit_epochs: int, replicates: int, many: int) -> str:
    """Return seconds and ratios of the figure of eight panels in Markdown.

    Parameters
    ----------
    problem : Problem
    epochs : int
        Of each panel.
    fit_epochs : int
        That Keras's fit is made to run of them, after the first.
    replicates, many : int
        How many batchlab trains in each panel.

    Returns
    -------
    str
    """

    def sweep(replicates: int, n_jobs: int | None = None) -> float:
        """Return the seconds of all panels, of which nothing is compiled before."""
        forget_programs()
        return seconds_of(
            lambda: bl.sweep(
                bl.mlp,
                problem,
                batch_size=PANELS,
                epochs=epochs,
                replicates=replicates,
                n_jobs=n_jobs,
                progress=False,
            )
        )

    fits = {
        size: measure_keras(problem, TutorialRun(size, 0.01, epochs), fit_epochs).with_compiling
        for size in PANELS
    }
    whole, one = sum(fits.values()), fits[ALONE]
    ours, on_one = sweep(replicates), sweep(replicates, n_jobs=1)
    # Two programs of another size, so that both processes start and nothing below is compiled.
    tiny = bl.blobs(60, n_train=30)
    starting = seconds_of(
        lambda: bl.sweep(bl.mlp, tiny, batch_size=[15, 30], epochs=1, replicates=2, n_jobs=JOBS)
    )
    on_two = sweep(replicates, n_jobs=JOBS)
    of_many = sweep(many)
    each = whole / (ours / replicates)
    return "\n".join(
        [
            f"| eight panels, {epochs} epochs | seconds | ratio | of what |",
            "|---|---:|---:|---|",
            f"| Keras `fit`, batch size {ALONE} alone, 1 replicate | {one:.1f} | | |",
            f"| `sweep`, all panels, {replicates} replicates | {ours:.1f} | {one / ours:.2f} "
            "| Keras's one panel by all of batchlab's |",
            f"| Keras `fit`, all panels, 1 replicate | {whole:.1f} | {each:,.0f} "
            "| per replicate, the whole figure |",
            f"| `sweep`, `n_jobs=1` | {on_one:.1f} | | |",
            f"| `sweep`, `n_jobs={JOBS}`, processes started | {on_two:.1f} "
            f"| {on_one / on_two:.2f} | one job by {JOBS} |",
            f"| the same, starting them ({starting:.1f} s, once) | {on_two + starting:.1f} "
            f"| {on_one / (on_two + starting):.2f} | one job by {JOBS} |",
            f"| `sweep`, {many} replicates | {of_many:.1f} "
            f"| {of_many / many / (ours / replicates):.2f} "
            f"| cost per replicate, {many} by {replicates} |",
        ]
    )
