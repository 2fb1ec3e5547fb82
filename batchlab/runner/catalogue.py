"""The notebooks there are: their names, questions, running times and parameters.

A notebook is read as JSON: so a list of them is there at once, and nothing of them is run.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from batchlab.foundation.checks import did_you_mean
from batchlab.foundation.files import same_file
from batchlab.runner.headings import first_sentence, heading, plain
from batchlab.runner.values import Declared, declarations

# The notebooks that re-run the experiments of the sources, whose settings are in `params`.
_RERUN = re.compile(r"0[2-5]-")


@dataclass(frozen=True)
class Notebook:
    """What is known of a notebook without running it.

    Parameters
    ----------
    path : pathlib.Path
    cells : tuple of dict
        As in its file.
    kernel : str
        The name of the kernel that it asks for.
    """

    path: Path
    cells: tuple[Mapping, ...] = field(repr=False)
    kernel: str

    @property
    def name(self) -> str:
        """Its file name without the ending."""
        return self.path.stem

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """What its cell of parameters declares."""
        tagged = (cell for cell in self.cells if "parameters" in _tags(cell))
        try:
            return declarations(next(map(_source, tagged), ""))
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error

    @cached_property
    def heading(self) -> tuple[str, str]:
        """Its title, and the paragraph below that."""
        first = (_source(cell) for cell in self.cells if cell.get("cell_type") == "markdown")
        return heading(next(first, ""), self.name)

    @property
    def question(self) -> str:
        """The first bold sentence below the title, or the first sentence, or the title."""
        title, paragraph = self.heading
        bold = re.search(r"\*\*(.+?)\*\*", paragraph)
        return plain(bold[1]) if bold else first_sentence(paragraph) or title

    @property
    def runtime(self) -> str:
        """What it says of its running time, such as ``about 10 seconds``, or nothing."""
        said = re.search(r"Runtime: (.+?)\.?(?:\n|$|(?<=\.)\s)", self.heading[1])
        return plain(said[1]) if said else ""

    @property
    def code(self) -> str:
        """The code of its cells."""
        return "\n".join(_source(cell) for cell in self.cells if cell.get("cell_type") == "code")

    @cached_property
    def digest(self) -> str:
        """A digest of its cells as they are written; what they last put out does not matter."""
        cells = [[cell.get("cell_type"), _source(cell), _tags(cell)] for cell in self.cells]
        text = json.dumps([self.kernel, cells]).encode()
        return hashlib.sha256(text).hexdigest()


def read_notebook(path: Path) -> Notebook:
    """Return a notebook.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Notebook

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a notebook.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a notebook, found no file {path}")
    if path.suffix != ".ipynb":
        raise ValueError(f"expected a notebook that ends in .ipynb, received {path}")
    try:
        node = json.loads(path.read_text(encoding="utf-8"))
        cells, metadata = node["cells"], node.get("metadata", {})
        for cell in cells:
            _source(cell), _tags(cell)
        kernel = metadata.get("kernelspec", {}).get("name", "")
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"expected a notebook, but {path} is none: {reason}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a notebook, but {path} is none: it has no cells") from error
    return Notebook(path, tuple(cells), str(kernel))


def declared_in(folder: Path) -> set[str]:
    """Return the names that any notebook in a folder declares: one file serves them all.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    set of str
    """
    names: set[str] = set()
    for path in folder.glob("*.ipynb"):
        # A neighbour that cannot be read is no reason not to run this one.
        with contextlib.suppress(OSError, ValueError):
            names.update(read_notebook(path).declared)
    return names


def check_apart(notebook: Path, output_dir: Path) -> None:
    """Check that results in a folder would not replace the notebook itself.

    Parameters
    ----------
    notebook, output_dir : pathlib.Path

    Raises
    ------
    ValueError
    """
    if notebook.stem.casefold() == "index":
        raise ValueError(f"expected a notebook whose page is not that of all, received {notebook}")
    # The folder that it lies in, and that of the file itself where it is a link.
    if any(same_file(output_dir, path.parent) for path in (notebook, notebook.resolve())):
        raise ValueError(f"expected an output folder other than the notebook's own, {output_dir}")
    results = (output_dir / f"{notebook.stem}{end}.ipynb" for end in ("", ".failed"))
    if any(same_file(result, notebook) for result in results):
        raise ValueError(f"expected an output folder without {notebook} itself, {output_dir}")


def temporary_prefix(name: str, process: int) -> str:
    """Return what the name of the temporary folder of a run begins with.

    Parameters
    ----------
    name : str
        The notebook's.
    process : int
        The id of the process that executes it.
    """
    return f".{name}-{process}-"


def folder_of_notebooks(given: Path | None = None) -> Path:
    """Return the folder of the notebooks: the one given, else here, else beside the library.

    Parameters
    ----------
    given : pathlib.Path, optional

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    beside = Path(__file__).parents[2] / "notebooks"
    folders = [given] if given else [Path("notebooks"), beside]
    for folder in folders:
        if folder.is_dir():
            return folder
    listed = " or ".join(map(str, folders))
    raise FileNotFoundError(f"expected a folder of notebooks, found none at {listed}")


def find(names: Sequence[str], folder: Path, *, rerun: bool = False) -> list[Notebook]:
    """Return notebooks by their names.

    Parameters
    ----------
    names : sequence of str
        Each a name with or without its number or ending, a number, or a path. None at all are
        all notebooks that have a number.
    folder : pathlib.Path
        Where they are.
    rerun : bool
        Whether none at all are instead those that re-run the experiments of the sources.

    Returns
    -------
    list of Notebook
        In the order of the names, each once.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook.
    ValueError
        If a name is that of several notebooks, or a file is not a notebook.
    """
    paths = sorted(folder.glob("*.ipynb"))
    if names:
        chosen = [_path(name, paths, folder) for name in names]
    else:
        chosen = [path for path in paths if path.name[0].isdigit()]
        again = [path for path in chosen if _RERUN.match(path.name)]
        chosen = again if rerun and again else chosen
        if not chosen:
            raise FileNotFoundError(f"expected numbered notebooks in {folder}, found none")
    # By what they are: one path may be written in several ways.
    unique = list({path.resolve(): path for path in chosen}.values())
    stems = [path.stem for path in unique]
    for path in unique:
        if stems.count(path.stem) > 1:
            raise ValueError(
                f"expected notebooks of different names, since their results share a folder; "
                f"received {path.stem} from several folders"
            )
    return [read_notebook(path) for path in unique]


def _path(name: str, paths: Sequence[Path], folder: Path) -> Path:
    matching = [path for path in paths if name in _names_of(path)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        listed = ", ".join(path.stem for path in matching)
        raise ValueError(f"expected the name of one notebook, received {name}, which is {listed}")
    if "/" in name or Path(name).is_file():
        return Path(name)
    known = {each: path.stem for path in paths for each in _names_of(path)}
    hint = did_you_mean(name, set(known))
    listed = ", ".join(path.stem for path in paths) or "none"
    raise FileNotFoundError(
        f"expected a notebook of {folder} ({listed}), received {name or 'an empty name'}{hint}"
    )


def _names_of(path: Path) -> set[str]:
    """Return what a notebook may be called: ``04-minibatch`` is also ``4`` and ``minibatch``."""
    names = {path.name, path.stem}
    numbered = re.fullmatch(r"([0-9]+)-(.+)", path.stem)
    if numbered:
        names |= {numbered[1], str(int(numbered[1])), numbered[2], f"{numbered[2]}.ipynb"}
    return names


def _source(cell: Mapping) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: Mapping) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))
