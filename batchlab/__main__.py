"""``python -m batchlab`` is the command ``batchlab``."""

import sys
from collections.abc import Sequence

from batchlab.foundation.extras import check_extra


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind the program's name; that of this process by default.

    Returns
    -------
    int
        The exit status: 0; 1 if a notebook failed; 2 if the command is wrong; 130 if stopped.
    """
    try:
        check_extra("notebooks", "what reads commands", ["click"])
    except ModuleNotFoundError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    from batchlab.cli.notebooks import batchlab

    try:
        batchlab.main(arguments, prog_name="batchlab")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
