"""The live explorer in a notebook."""

import os
from typing import TYPE_CHECKING

from batchlab.explorer.computing import Explorer
from batchlab.explorer.setting import Setting
from batchlab.foundation.extras import EXPLORER, check_extra

if TYPE_CHECKING:
    from batchlab.explorer.app import App


def explore(setting: Setting | None = None, *, explorer: Explorer | None = None) -> "App":
    """Return the live explorer, to be shown as the last value of a notebook's cell.

    Parameters
    ----------
    setting : Setting or None
        To begin with; None is the default. The query of the page's address goes before it, where
        Voilà serves the notebook.
    explorer : Explorer or None
        Whose answers it shows; None is a new one.

    Returns
    -------
    App
        A widget; `setting` and `answer` say what it shows.

    Raises
    ------
    ModuleNotFoundError
        If the extra app is not installed, with the command that installs it.

    Examples
    --------
    >>> import batchlab as bl
    >>> app = bl.explore(bl.Setting(batch_size=500, epochs=5))
    >>> app.setting.batch_size
    500
    """
    check_extra(*EXPLORER)
    from batchlab.explorer.app import App

    return App(setting or Setting(), explorer or Explorer(), os.environ.get("QUERY_STRING", ""))
