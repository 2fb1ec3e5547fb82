"""What a command line asks for: the notebooks, their parameters, the folder of results."""

from collections.abc import Sequence
from pathlib import Path

from .catalogue import Notebook, find, folder_of_notebooks
from .parameters import check_parameters, given_as_text, parameters_from, settings_file


def chosen(
    names: Sequence[str], folder: Path | None, params: str | None
) -> tuple[list[Notebook], Path | None]:
    """Return the notebooks of these names, and the file of parameters.

    Parameters
    ----------
    names : sequence of str
        As of `catalogue.find`; with `params` none at all are those that re-run the sources.
    folder : pathlib.Path or None
        Of the notebooks.
    params : str or None
        As of `parameters.settings_file`.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    folder = folder_of_notebooks(folder)
    file = None if params is None else settings_file(params, folder)
    return find(names, folder, rerun=file is not None), file


def given(
    notebooks: Sequence[Notebook], texts: Sequence[str], file: Path | None
) -> list[dict[str, object]]:
    """Return the parameters of each notebook: those of the file, and over them ``name=value``.

    Parameters
    ----------
    notebooks : sequence of Notebook
    texts : sequence of str
    file : pathlib.Path or None

    Raises
    ------
    OSError, TypeError, ValueError
        As of `parameters.parameters_from` and `parameters.given_as_text`.
    """
    found = []
    for notebook, own in zip(notebooks, given_as_text(texts, notebooks), strict=True):
        of_file = parameters_from(file, notebook.path) if file else {}
        check_parameters(notebook.path, of_file)
        found.append({**of_file, **own})
    return found


def default_output(file: Path | None) -> Path:
    """Return the folder of results where none is named: one of its own for a file of parameters."""
    return Path("outputs", file.stem) if file else Path("outputs")
