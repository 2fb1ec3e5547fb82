"""A laboratory for one question: what does the batch size do to training."""

import lazy_loader

from batchlab.arithmetic import round_alike as _round_alike

_round_alike()
# The public names stand in __init__.pyi. Each is imported at its first use, so that drawing a
# stored result never has to wait for TensorFlow.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
