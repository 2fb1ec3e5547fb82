"""A batch of notebooks: what is to be run, and what is finished already."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchlab.runner import manifest, provenance
from batchlab.runner.catalogue import Notebook, check_apart


@dataclass
class NotebookRun:
    """A notebook with its parameters, and what came of it.

    Parameters
    ----------
    notebook : Notebook
    parameters : mapping of str to object
        Those given.
    made_of : mapping
        What its results depend on, see `provenance.made_of`.
    result : {"not run", "kept", "done", "failed", "stopped"}
        Kept is what an earlier batch has finished.
    seconds : float or None
    report : str
        Of a failure: the cell and its error.
    """

    notebook: Notebook
    parameters: Mapping[str, object]
    made_of: Mapping[str, object]
    result: str = "not run"
    seconds: float | None = None
    report: str = ""


def plan(
    notebooks: Sequence[Notebook],
    parameters: Sequence[Mapping[str, object]],
    output_dir: Path,
    *,
    device: str | None = None,
    force: bool = False,
) -> list[NotebookRun]:
    """Return the runs of a batch; those that the manifest calls finished are kept.

    Parameters
    ----------
    notebooks : sequence of Notebook
    parameters : sequence of mapping of str to object
        One for each notebook, checked.
    output_dir : pathlib.Path
    device : {"cpu", "gpu"} or None
    force : bool
        Whether to run what is finished, too.

    Returns
    -------
    list of Run

    Raises
    ------
    ValueError
        If `output_dir` is a notebook's own folder.
    manifest.ManifestError
        If the manifest cannot be used.
    """
    for notebook in notebooks:
        check_apart(notebook.path, output_dir)
    found = {} if force else manifest.read(output_dir)
    runs = []
    for notebook, given in zip(notebooks, parameters, strict=True):
        run = NotebookRun(notebook, given, provenance.made_of(notebook, given, device))
        entry = found.get(notebook.name)
        if (
            entry is not None
            and _as_json(entry["made_of"]) == _as_json(run.made_of)
            and manifest.is_whole(output_dir, notebook.name, entry)
        ):
            run.result, run.seconds = "kept", entry["seconds"]
        runs.append(run)
    return runs


def _as_json(made_of: Mapping[str, object]) -> str:
    # 1, 1.0 and True are equal, but a notebook prints them differently.
    return json.dumps(made_of, sort_keys=True)


def prepare(output_dir: Path) -> None:
    """Make the folder of results, if it is missing.

    Parameters
    ----------
    output_dir : pathlib.Path

    Raises
    ------
    OSError
        If it cannot be made or written to.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output_dir).close()
    except OSError as error:
        raise type(error)(
            f"expected an output folder that can be written to, received {output_dir}: "
            f"{error.strerror}"
        ) from error
