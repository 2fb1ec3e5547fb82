"""The parameters of notebooks: what each declares, what it may be given, files that give it."""

import ast
import contextlib
import difflib
import os
import reprlib
from collections.abc import Mapping
from pathlib import Path

import papermill
import yaml

_ALLOWED = (str, int, float, bool)
_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
}


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
    found = papermill.inspect_notebook(unformatted(notebook))
    return {name: _literal(parameter["default"]) for name, parameter in found.items()}


def check_parameters(notebook: Path, parameters: Mapping[str, object]) -> None:
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
    known = declared(notebook) if parameters else {}
    for name, value in parameters.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise ValueError(f"expected a parameter of {notebook.stem} ({names}), received {name}")
        _check_value(name, value)
        if not _fits(value, known[name]):
            raise TypeError(
                f"expected {_NOUNS[type(known[name])]} for {name}, like its default "
                f"{_shown(known[name])}, received {_shown(value)}"
            )


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
    values = _read(file)
    beside: set[str] = set()
    for path in notebook.parent.glob("*.ipynb"):
        # A neighbour that cannot be read is no reason not to run this one.
        with contextlib.suppress(OSError, ValueError, AttributeError, KeyError):
            beside.update(declared(path))
    for name in values:
        if name not in beside:
            close = difflib.get_close_matches(name, sorted(beside), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(
                f"{file}: expected a parameter of a notebook in {notebook.parent}, received "
                f"{name}{hint}"
            )
    known = declared(notebook)
    return {name: value for name, value in values.items() if name in known}


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


def _read(file: str | os.PathLike[str]) -> dict[str, object]:
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
        raise TypeError(f"{file}: expected a mapping of names to values, received {_shown(values)}")
    keys = [key.value for key, _ in node.value]
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError(f"{file}: expected names of parameters, received {_shown(name)}")
        # The loader keeps the last of several values, without a word.
        if keys.count(name) > 1:
            raise ValueError(f"{file}: expected {name} once, received it {keys.count(name)} times")
        _check_value(name, value, f"{file}: ")
    return values


def _check_value(name: str, value: object, place: str = "") -> None:
    items = value if isinstance(value, list) else [value]
    if not all(type(item) in _ALLOWED for item in items):
        allowed = "str, int, float, bool or a list of them"
        raise TypeError(f"{place}expected {allowed} for {name}, received {_shown(value)}")


def _fits(value: object, default: object) -> bool:
    if isinstance(default, list):
        return isinstance(value, list) and (
            not default or all(any(_fits(item, one) for one in default) for item in value)
        )
    if type(default) not in _NOUNS:
        return True
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _literal(source: str) -> object:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, RecursionError):
        return None


def _shown(value: object) -> str:
    # Bounded in depth as well: a small file of aliases can describe an astronomical list.
    return " ".join(reprlib.repr(value).split())
