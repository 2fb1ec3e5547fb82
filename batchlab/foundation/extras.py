"""What batchlab can be installed with beside its core, and one sentence where that is missing."""

from collections.abc import Sequence
from importlib.util import find_spec

NOTEBOOKS = "notebooks", "what executes notebooks", ("click", "papermill", "nbconvert", "ipykernel")
EXPLORER = "app", "what shows the explorer", ("anywidget", "ipywidgets", "plotly")
APP = "app", "what serves the explorer", (*EXPLORER[-1], "voila")


def check_extra(extra: str, purpose: str, packages: Sequence[str]) -> None:
    """Raise an error if a package of an extra is not installed.

    Parameters
    ----------
    extra : str
        Its name in pyproject.toml.
    purpose : str
        What its packages do, in words.
    packages : sequence of str
        Those that are imported, by the names of their modules.

    Raises
    ------
    ModuleNotFoundError
        One sentence: what is missing, and how it is installed.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"expected {purpose}, but {missing[0]} is missing: pip install 'batchlab[{extra}]'",
            name=missing[0],
        )
