"""Execute a notebook headless through papermill; it is written whole or not at all."""

import contextlib
import os
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from papermill.exceptions import PapermillExecutionError
from papermill.execute import ERROR_MARKER_TAG

from batchlab.runner.catalogue import check_apart, temporary_prefix
from batchlab.runner.pages import executed_page
from batchlab.runner.parameters import check_declared, parameters_from, unformatted

CELL_TIMEOUT = 1800
START_TIMEOUT = 120
STARTS = 3


class ExecutionError(RuntimeError):
    """A notebook did not run to its end. The message shows the cell and what went wrong."""


def execute(
    notebook: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    parameters: Mapping[str, object] | str | os.PathLike[str] | None = None,
    *,
    cell_timeout: int = CELL_TIMEOUT,
) -> Path:
    """Execute a notebook in its own folder and leave it, with an HTML page, in another.

    Both files are made in a temporary folder and moved into place together once the notebook has
    run to its end. Otherwise what stood there before stays, and the notebook up to the failing
    cell is kept as ``NAME.failed.ipynb``.

    Parameters
    ----------
    notebook : path
        The notebook to execute; it is left as it is.
    output_dir : path
        The folder for ``NAME.ipynb`` and ``NAME.html``; made if missing. Not the notebook's own.
    parameters : mapping or path, optional
        Values for names that the notebook's ``parameters`` cell declares: str, int, float, bool
        or lists of them, of the type of the default. Or a YAML file of such values, which may
        hold those of the notebooks beside this one as well.
    cell_timeout : int, default 1800
        Seconds that one cell may take.

    Returns
    -------
    pathlib.Path
        The executed notebook.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook or file of parameters.
    TypeError, ValueError
        If the notebook or the file cannot be read, a parameter is not declared or its value is of
        another type, or `output_dir` is the notebook's own folder.
    ExecutionError
        If a cell fails, the kernel dies or does not start, or a cell takes too long.

    Examples
    --------
    >>> execute("notebooks/02-batch.ipynb", "outputs", {"replicates": 5})  # doctest: +SKIP
    PosixPath('outputs/02-batch.ipynb')
    """
    notebook, output_dir = Path(notebook), Path(output_dir)
    if isinstance(parameters, str | os.PathLike):
        check_notebook(notebook, output_dir)
        parameters = parameters_from(parameters, notebook)
    with executed(notebook, output_dir, parameters or {}, cell_timeout=cell_timeout) as folder:
        move_results(folder, output_dir, notebook.stem)
    return output_dir / notebook.name


@contextlib.contextmanager
def executed(
    notebook: Path,
    output_dir: Path,
    parameters: Mapping[str, object],
    *,
    cell_timeout: int = CELL_TIMEOUT,
) -> Iterator[Path]:
    """Execute a notebook into a temporary folder that lasts as long as the body.

    Parameters
    ----------
    notebook, output_dir : pathlib.Path
        As of `execute`; the temporary folder is within `output_dir`.
    parameters : mapping of str to object
    cell_timeout : int

    Yields
    ------
    pathlib.Path
        The temporary folder, with ``NAME.ipynb`` and ``NAME.html``.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError, ExecutionError
        As of `execute`.
    """
    check_notebook(notebook, output_dir)
    check_declared(notebook, parameters)
    output_dir.mkdir(parents=True, exist_ok=True)
    kept = output_dir / f"{notebook.stem}.failed.ipynb"
    prefix = temporary_prefix(notebook.stem, os.getpid())
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=prefix) as folder:
        result = Path(folder, notebook.name)
        try:
            _run_cells(notebook, result, dict(parameters), cell_timeout)
            node = _read_executed(result)
        except ExecutionError as error:
            report = _report(notebook.stem, str(error), result, error.__cause__)
            if result.exists():
                os.replace(result, kept)
                report += f"\n\nThe notebook up to there: {kept}"
            raise ExecutionError(report) from error
        # Papermill notes absolute paths, which belong to this machine and not to the result.
        node.metadata.papermill.update(input_path=notebook.name, output_path=notebook.name)
        nbformat.write(node, result)
        page = result.with_suffix(".html")
        page.write_text(executed_page(node, notebook.stem), encoding="utf-8")
        yield Path(folder)


def move_results(folder: Path, output_dir: Path, name: str) -> None:
    """Move a notebook and its page into place, and drop what an earlier failure left.

    Parameters
    ----------
    folder, output_dir : pathlib.Path
        From where, and to where.
    name : str
        The notebook's file name without the ending.
    """
    # A page is moved just before its notebook: where the notebook is, so is the page.
    for result in f"{name}.html", f"{name}.ipynb":
        os.replace(folder / result, output_dir / result)
    (output_dir / f"{name}.failed.ipynb").unlink(missing_ok=True)


def check_notebook(notebook: Path, output_dir: Path) -> None:
    """Check that there is such a notebook, and that its results would not replace it.

    Parameters
    ----------
    notebook, output_dir : pathlib.Path

    Raises
    ------
    FileNotFoundError, ValueError
    """
    if not notebook.is_file():
        raise FileNotFoundError(f"expected a notebook, found no file {notebook}")
    if notebook.suffix != ".ipynb":
        raise ValueError(f"expected a notebook that ends in .ipynb, received {notebook}")
    check_apart(notebook, output_dir)
    try:
        nbformat.validate(nbformat.read(notebook, as_version=4))
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"expected a notebook, but {notebook} is none: {reason}") from error


def _run_cells(
    notebook: Path, executed: Path, parameters: dict[str, object], cell_timeout: int
) -> None:
    for attempt in range(1, STARTS + 1):
        try:
            papermill.execute_notebook(
                unformatted(notebook.resolve()),
                unformatted(executed.resolve()),
                parameters,
                cwd=notebook.resolve().parent,
                progress_bar=False,
                start_timeout=START_TIMEOUT,
                execution_timeout=cell_timeout,
                # ipykernel's log is of its sockets; what concerns the cells comes back as errors.
                extra_arguments=["--log-level=CRITICAL"],
            )
            return
        except PapermillExecutionError as error:
            raise ExecutionError(f"{error.ename}: {error.evalue}") from error
        except CellTimeoutError as error:
            raise ExecutionError(f"it took more than {cell_timeout} seconds") from error
        except DeadKernelError as error:
            raise ExecutionError("the kernel died") from error
        except NoSuchKernel as error:
            executed.unlink(missing_ok=True)
            raise ExecutionError(f"there is no kernel {error.name} to run it") from error
        except RuntimeError as error:
            # Kernels started side by side can choose the same port; the next try chooses others.
            executed.unlink(missing_ok=True)
            if attempt == STARTS:
                raise ExecutionError(f"the kernel did not start: {error}") from error


def _read_executed(executed: Path) -> nbformat.NotebookNode:
    """Return the notebook that papermill wrote, checked: its own metadata calls all complete."""
    node = nbformat.read(executed, as_version=4)
    nbformat.validate(node)
    cells = [cell for cell in node.cells if cell.cell_type == "code" and cell.source.strip()]
    if any(cell.execution_count is None for cell in cells):
        raise ExecutionError("it ended the notebook before its last cell")
    return node


def _report(name: str, what: str, executed: Path, cause: BaseException | None) -> str:
    """Return a failure as a person wants to see it: where, what, the code, the traceback."""
    if not executed.exists():
        return f"FAILED  {name}: {what}"
    cells = nbformat.read(executed, as_version=4).cells
    cells = [cell for cell in cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", [])]
    failed = [(cell, error) for cell in cells for error in _errors(cell)]
    if isinstance(cause, PapermillExecutionError) and failed:
        # A figure that fails while it is shown does not stop the notebook: the cells below it run.
        cell, error = failed[0]
        what = f"{error.ename}: {error.evalue}"
    else:
        # Papermill calls every cell completed once it has stopped; only those begun have a time.
        begun = [cell for cell in cells if cell.metadata.papermill.get("start_time")]
        cell = next((cell for cell in reversed(begun) if cell.cell_type == "code"), cells[-1])
    where = f"cell {cells.index(cell) + 1} of {len(cells)}"
    traceback = "\n".join(line for error in _errors(cell) for line in error.traceback)
    parts = [
        f"FAILED  {name}, {where}: {what}",
        textwrap.indent(cell.source, "    "),
        strip_ansi(traceback),
    ]
    return "\n\n".join(part for part in parts if part)


def _errors(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]
