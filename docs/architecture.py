"""The figure of the page *Architecture*, and its list: packages, and which imports which.

Run it to write both anew.
"""

import re
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch, Patch

from batchlab.foundation.sources import imported_in

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "batchlab"
CORE = "figures"  # the highest floor of the core, which knows none above it
_BEGIN = "<!-- packages: written by docs/architecture.py -->"
_END = "<!-- /packages -->"
_SIZE = (9, 7)  # inches
_COLORS = "#f7ead7", "#dcecf7"  # of the applications, of the core


def floors() -> list[list[str]]:
    """Return the packages of each floor, from the top, as import-linter holds them.

    Returns
    -------
    list of list of str
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    return [floor.split(" | ") for floor in layers]


def imports() -> dict[str, set[str]]:
    """Return which packages each package imports.

    Returns
    -------
    dict of str to set of str
    """
    names = _names()
    texts = {
        name: [file.read_text(encoding="utf-8") for file in (PACKAGE / name).rglob("*.py")]
        for name in names
    }
    return {
        name: {
            imported.split(".")[1]
            for text in texts[name]
            for imported in imported_in(text)
            if "." in imported
        }
        & set(names) - {name}
        for name in names
    }


def package_list() -> str:
    """Return a table of the packages from the top: name, first sentence, what each imports.

    Returns
    -------
    str
        Markdown.
    """
    known = imports()
    rows = ["| package | what is in it | imports |", "|---|---|---|"]
    for name in known:
        text = (PACKAGE / name / "__init__.py").read_text(encoding="utf-8")
        about = re.match(r'"""(.+?)(?:\n\n|""")', text, re.DOTALL)[1]
        below = [each for each in known if each in known[name]]
        rows.append(f"| `{name}` | {' '.join(about.split())} | {', '.join(below) or 'none'} |")
    return "\n".join(rows)


def draw(path: Path) -> None:
    """Draw the packages, each above all that it imports.

    An arrow stands for each import that no other one implies.

    Parameters
    ----------
    path : pathlib.Path
        Of the picture, whose ending says of what kind.
    """
    known = imports()
    places = _places(known)
    core = [*known][[*known].index(CORE) :]
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "batchlab"})
    figure, ax = plt.subplots(figsize=_SIZE)
    for name, (x, y) in places.items():
        box = FancyBboxPatch((x - 0.42, y - 0.14), 0.84, 0.28, boxstyle="round,pad=0.03")
        box.set(facecolor=_COLORS[name in core], edgecolor="#555555", zorder=2)
        ax.add_patch(box)
        ax.text(x, y, name, ha="center", va="center", fontsize=10, zorder=3)
        for other in sorted(known[name] - _implied(known, name)):
            right, below = places[other]
            ax.annotate(
                "",
                xy=(right, below + 0.17),
                xytext=(x, y - 0.17),
                arrowprops={"arrowstyle": "-|>", "color": "#777777", "shrinkA": 0, "shrinkB": 0},
                zorder=1,
            )
    handles = [Patch(facecolor=color, edgecolor="#555555") for color in _COLORS]
    ax.legend(handles, ["applications", "core"], loc="lower left", frameon=False)
    ax.autoscale_view()
    ax.axis("off")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _places(known: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return where each package is drawn: above the highest one that it imports."""
    levels = {}
    for name in reversed(known):
        levels[name] = 1 + max((levels[below] for below in known[name]), default=-1)
    places = {}
    for level in range(max(levels.values()) + 1):
        row = [name for name in levels if levels[name] == level]

        def middle(name: str) -> float:
            below = [places[each][0] for each in known[name] - _implied(known, name)]
            return sum(below) / len(below) if below else 0.0

        for column, name in enumerate(sorted(row, key=middle)):
            places[name] = (1.15 * (column - (len(row) - 1) / 2), float(level))
    return places


def _names() -> list[str]:
    return [name for floor in floors() for name in floor]


def _implied(known: dict[str, set[str]], name: str) -> set[str]:
    """Return what a package reaches through others that it imports."""
    found, left = set(), list(known[name])
    while left:
        for below in known[left.pop()]:
            if below not in found:
                found.add(below)
                left.append(below)
    return found


def main() -> None:
    """Write the picture, and the list into the page beside."""
    page = Path(__file__).with_suffix(".md")
    page.write_text(with_list(page.read_text(encoding="utf-8")), encoding="utf-8")
    draw(page.with_suffix(".svg"))


def with_list(page: str) -> str:
    """Return the page with the list of packages as they are.

    Parameters
    ----------
    page : str
        Markdown with the two comments that the list stands between.

    Returns
    -------
    str
    """
    above, mark, rest = page.partition(_BEGIN)
    _, end, below = rest.partition(_END)
    return f"{above}{mark}\n\n{package_list()}\n\n{end}{below}"


if __name__ == "__main__":
    main()
