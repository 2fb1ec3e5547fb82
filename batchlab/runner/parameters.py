"""The parameters of notebooks: what each declares, what it may be given, files that give it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml

from batchlab.foundation.checks import did_you_mean, shown_name
from batchlab.runner.catalogue import (
    Notebook,
    declared_in,
    find,
    folder_of_notebooks,
    read_notebook,
)
from batchlab.runner.text_values import typed_value
from batchlab.runner.values import briefly, check_given, check_plain


def declared(notebook: Path) -> dict[str, object]:
    """Return the names that a notebook's ``parameters`` cell declares, with their defaults.

    Parameters
    ----------
    notebook : pathlib.Path

    Returns
    -------
    dict of str to object
        None for a default that is not written as a literal.
    """
    return {name: found.default for name, found in read_notebook(notebook).declared.items()}


def check_declared(notebook: Path, parameters: Mapping[str, object]) -> None:
    """Check that a notebook declares these parameters, with defaults of the same types.

    Parameters
    ----------
    notebook : pathlib.Path
    parameters : mapping of str to object

    Raises
    ------
    ValueError
        If the notebook does not declare a name. (Papermill only warns, and runs the defaults.)
    TypeError
        If a value is not a str, int, float, bool or a list of them, or not of the default's type;
        an int may stand for a float, and a list's items for any of the default's.
    """
    if parameters:
        check_given(parameters, read_notebook(notebook).declared, notebook=notebook.stem)


def parameters_from(file: str | os.PathLike[str], notebook: Path) -> dict[str, object]:
    """Return the values in a YAML file for the names that a notebook declares.

    One file serves several notebooks: a name that another notebook in the same folder declares is
    passed over.

    Parameters
    ----------
    file : path
        A mapping of names to values, each a str, int, float, bool or a list of them.
    notebook : pathlib.Path

    Returns
    -------
    dict of str to object

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If it is not such a mapping, or no notebook in that folder declares one of its names.
    """
    values = _read_yaml(file)
    beside = declared_in(notebook.parent)
    for name in values:
        if name not in beside:
            raise ValueError(
                f"{file}: expected a parameter of a notebook in {notebook.parent}, received "
                f"{shown_name(name)}{did_you_mean(name, beside)}"
            )
    known = declared(notebook)
    return {name: value for name, value in values.items() if name in known}


def settings_file(given: str, folder: Path) -> Path:
    """Return the file of parameters that a word means: that of a source, or a path.

    Parameters
    ----------
    given : str
        ``video`` is the file ``params/video.yaml`` in the folder; anything else is a path.
    folder : pathlib.Path
        That of the notebooks.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is neither.
    """
    known = {path.stem: path for path in sorted((folder / "params").glob("*.yaml"))}
    if given in known:
        return known[given]
    if given and Path(given).exists():
        return Path(given)
    listed = f"one of {', '.join(known)} or a file" if known else "a file"
    raise FileNotFoundError(
        f"expected {listed} of parameters, received {given or 'an empty name'}"
        f"{did_you_mean(given, known)}"
    )


def given_as_text(texts: Sequence[str], notebooks: Sequence[Notebook]) -> list[dict[str, object]]:
    """Return the values that ``name=value`` stand for, for each notebook those that it declares.

    Parameters
    ----------
    texts : sequence of str
    notebooks : sequence of Notebook
        A notebook's own default decides how the text of a value is read.

    Returns
    -------
    list of dict of str to object
        One for each notebook, checked.

    Raises
    ------
    TypeError, ValueError
        If a text is not of that form, a name is given twice or declared by none of the
        notebooks, or a value is not of the default's type.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"expected a parameter as name=value, received {briefly(text)}")
        if name in values:
            raise ValueError(f"expected {shown_name(name)} once, received it twice")
        values[name] = value
    every = {name: each for one in notebooks for name, each in one.declared.items()}
    for name in values:
        if name not in every:
            what = notebooks[0].name if len(notebooks) == 1 else "one of these notebooks"
            check_given({name: values[name]}, every, notebook=what)
    found = []
    for notebook in notebooks:
        known = notebook.declared
        own = {name: text for name, text in values.items() if name in known}
        read_as = {name: typed_value(text, known[name].default) for name, text in own.items()}
        check_given(read_as, known, notebook=notebook.name)
        found.append(read_as)
    return found


def unformatted(path: Path) -> str:
    """Return `path` such that papermill, which formats paths, arrives at `path` itself.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
    """
    return str(path).replace("{", "{{").replace("}", "}}")


def _read_yaml(file: str | os.PathLike[str]) -> dict[str, object]:
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"expected a file of parameters, received {file}: {reason}") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ValueError(f"{file}{where}: expected YAML; {reason}") from error
    if not isinstance(values, dict):
        raise TypeError(
            f"{file}: expected a mapping of names to values, received {briefly(values)}"
        )
    keys = [key.value for key, _ in cast(yaml.MappingNode, node).value]
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError(f"{file}: expected names of parameters, received {briefly(name)}")
        # The loader keeps the last of several values, without a word.
        if keys.count(name) > 1:
            raise ValueError(f"{file}: expected {name} once, received it {keys.count(name)} times")
        check_plain(name, value, f"{file}: ")
    return values


def chosen_notebooks(
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
        As of `settings_file`.

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
        As of `parameters_from` and `given_as_text`.
    """
    found = []
    for notebook, own in zip(notebooks, given_as_text(texts, notebooks), strict=True):
        of_file = parameters_from(file, notebook.path) if file else {}
        check_declared(notebook.path, of_file)
        found.append({**of_file, **own})
    return found


def default_output(file: Path | None) -> Path:
    """Return the folder of results where none is named: one of its own for a file of parameters."""
    return Path("outputs", file.stem) if file else Path("outputs")
