"""A model of the reader's own, found by a name that a parameter or a command line can hold."""

import hashlib
import importlib
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable
from functools import partial
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import cast

from batchlab.foundation.backend import keras
from batchlab.foundation.checks import did_you_mean, shown
from batchlab.foundation.files import placed
from batchlab.models.networks import convnet, mlp
from batchlab.problems.problem import Problem

_OWN: dict[str, Callable[..., keras.Model]] = {"convnet": convnet, "mlp": mlp}
_OF_FILE = "_batchlab_file_"  # begins the name of a module that is made of a file


def build_from(path: str, *, dtype: str | None = None) -> Callable[[Problem], keras.Model]:
    """Return the function that builds a model, by its name.

    A file or module runs when it is imported, so name only those that you trust. A file is read
    anew at each call. Functions from it can be sent to other processes, as `sweep` does with
    ``n_jobs``, and `measured_peak` can use them.

    Parameters
    ----------
    path : str
        "path/to/file.py:function", relative to the working directory; "package.module:function";
        or one of batchlab's own, "mlp" and "convnet".
    dtype : str or None
        Handed to the function, if that takes one of this name: type of weights and arithmetic.

    Returns
    -------
    callable
        Problem -> keras.Model, not yet called.

    Raises
    ------
    TypeError, ValueError
        If it is not such a name, there is no such file, module or function, importing it fails, or
        what it names is not a function that takes a problem.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.build_from("mlp")(bl.blobs()).count_params()
    303
    """
    if not isinstance(path, str):
        raise TypeError(
            "build: expected a name such as 'mlp' or 'path/to/file.py:function', received "
            f"{shown(path)}."
        )
    build: Callable[..., keras.Model] = _found(path)
    return partial(build, dtype=dtype) if dtype and "dtype" in keywords(build) else build


def _found(path: str) -> Callable[[Problem], keras.Model]:
    where, colon, function = path.strip().rpartition(":")
    if not colon and function in _OWN:
        return _OWN[function]
    if not colon or not where or not all(part.isidentifier() for part in function.split(".")):
        own = " or ".join(map(repr, _OWN))
        raise ValueError(
            f"build: expected {own}, 'path/to/file.py:function' or 'package.module:function', "
            f"received {shown(path)}{did_you_mean(function, _OWN)}."
        )
    module = _of_file(where) if where.endswith(".py") else _of_name(where, function)
    try:
        found = operator.attrgetter(function)(module)
    except AttributeError:
        raise ValueError(
            f"build: expected a function of {where}, received {shown(function)}, which is not "
            f"there{did_you_mean(function, _functions(module))}."
        ) from None
    return _checked_build(found, path)


def name_of(build: Callable[[Problem], keras.Model]) -> str:
    """Return the name by which `build_from` finds a function again, here or in another process.

    Parameters
    ----------
    build : callable

    Returns
    -------
    str
        Of a shape that can be looked up, but what is found need not be `build`.
    """
    module, function = (getattr(build, name, None) for name in ("__module__", "__qualname__"))
    if str(module).startswith(_OF_FILE):
        return f"{build.__globals__['__file__']}:{function}"
    return f"{module}:{function}"


def _of_file(where: str) -> ModuleType:
    file = placed(where).resolve()
    if not file.is_file():
        raise ValueError(f"build: expected a file that is there, received {shown(where)}.")
    name = _OF_FILE + hashlib.sha256(str(file).encode()).hexdigest()[:16]
    spec = cast(ModuleSpec, importlib.util.spec_from_file_location(name, file))
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for their module while they are made. Afterwards it is not left there: what
    # is in no module that can be imported is sent to other processes whole, and not by its name.
    sys.modules[name] = module
    try:
        cast(Loader, spec.loader).exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(_failed(where, error)) from error
    finally:
        sys.modules.pop(name, None)
    return module


def _of_name(where: str, function: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise ValueError(_failed(where, error)) from error
        hint = ""
        if Path(f"{where}.py").is_file():
            hint = f"; for the file write '{where}.py:{function}'"
        raise ValueError(
            f"build: expected a module that can be imported, received {shown(where)}{hint}."
        ) from None
    except (Exception, SystemExit) as error:
        raise ValueError(_failed(where, error)) from error


def _failed(where: str, error: BaseException) -> str:
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".:")
    return f"build: expected that {where} can be imported, but it raises {said}."


def _checked_build(found: object, path: str) -> Callable[[Problem], keras.Model]:
    a_class, a_model = isinstance(found, type), isinstance(found, keras.Model)
    if a_class or a_model or not callable(found):
        what = "a class" if a_class else "a model" if a_model else shown(found)
        raise TypeError(
            f"build: expected a function problem -> keras.Model, received {what} for {shown(path)}."
        )
    try:
        inspect.signature(found).bind(None)
    except ValueError:  # a function in C does not say what it takes
        return found
    except TypeError as error:
        raise TypeError(
            f"build: expected a function that takes a problem alone, received {shown(path)}: "
            f"{error}."
        ) from None
    return found


def _functions(module: ModuleType) -> set[str]:
    return {name for name, value in vars(module).items() if inspect.isfunction(value)}


def keywords(build: Callable[..., keras.Model]) -> set[str]:
    """Return the names of what `build` can be given beside the problem."""
    try:
        parameters = list(inspect.signature(build).parameters.values())[1:]
    except (TypeError, ValueError):  # not a function, which is said later; or one in C
        return set()
    kinds = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {parameter.name for parameter in parameters if parameter.kind in kinds}


def check_takes_dtype(build: Callable[..., keras.Model]) -> None:
    """Refuse what cannot be asked for a model in float32 as well as in float64.

    Raises
    ------
    TypeError
    """
    if not callable(build) or "dtype" not in keywords(build):
        raise TypeError(
            f"build: expected a function that takes a problem and a dtype, received {shown(build)}."
        )
