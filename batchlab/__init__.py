"""A laboratory for one question: what does the batch size do to training."""

import lazy_loader

from batchlab.foundation.arithmetic import round_alike as _round_alike
from batchlab.foundation.interrupts import imported_whole as _imported_whole

_round_alike()

# The public names stand in __init__.pyi. Each is imported at its first use, so that drawing a
# stored result never has to wait for TensorFlow.
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name not in __all__:
        return _imported(name)  # there is none
    with _imported_whole():
        return _imported(name)
