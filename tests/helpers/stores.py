"""What tests of sweeps that are stopped share: what a store holds, and waiting for it."""

import time
from pathlib import Path


def cells_in(folder):
    """Return the finished cells of a store, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.nc")}


def wait_for(condition, seconds=60):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
