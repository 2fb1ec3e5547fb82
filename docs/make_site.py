"""Build the site: HTML of the executed notebooks, the ledger and the reference, in a folder."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main
from staging import ROOT, stage


def build(output: Path, notebooks: Path) -> bool:
    """Build the site in a folder beside its own, and put it there when it is whole.

    Parameters
    ----------
    output : pathlib.Path
        The folder of the site, which need not exist.
    notebooks : pathlib.Path
        The folder of the executed notebooks.

    Returns
    -------
    bool
        Whether it was built. If not, what was there before is still there.

    Raises
    ------
    OSError, ValueError
        If something is missing, or `output` is a folder of something else.
    """
    output = output.resolve()
    if output.exists() and any(output.iterdir()) and not (output / "searchindex.js").exists():
        raise ValueError(f"expected a folder for the site, but {output} holds something else")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
        source, built, former = (Path(folder, name) for name in ("source", "site", "former"))
        stage(source, notebooks)
        options = ["-b", "html", "-W", "--keep-going", "-q"]
        kept = ["-d", str(Path(folder, "doctrees"))]
        if build_main([*options, *kept, str(source), str(built)]):
            return False
        if output.exists():
            os.replace(output, former)
        try:
            os.replace(built, output)
        except OSError:
            os.replace(former, output)
            raise
    return True


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the folder of the site")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks")
    given = parser.parse_args()
    try:
        if not build(given.output, given.notebooks):
            return 1
    except (OSError, ValueError) as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    print(f"built   {given.output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
