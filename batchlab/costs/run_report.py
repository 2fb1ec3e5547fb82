"""What a result was computed with and how long it took, in words."""

import time

import psutil
import xarray as xr

from batchlab.histories.records import batch_size_in_words, grid_dimensions, setting


def run_report(*histories: xr.Dataset) -> str:
    """Return the versions, the device and the seconds of some results, a line each.

    Parameters
    ----------
    *histories : xarray.Dataset
        From `batchlab.fit`, `batchlab.sweep` or `batchlab.recommend`, at least one, all of this
        process.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If no history is given.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> for line in bl.run_report(history).splitlines():
    ...     print(line.split()[0])
    batchlab
    device:
    batch
    seconds
    """
    if not histories:
        raise ValueError("histories: expected at least one, received none.")
    made_with = histories[0].attrs
    names = ("batchlab", "tensorflow", "keras", "numpy", "python")
    lines = [
        ", ".join(f"{name} {made_with[f'{name}_version']}" for name in names),
        f"device: {made_with['device']}, {made_with['threads']} threads, {made_with['dtype']}",
    ]
    for history in histories:
        if "spent" in history.attrs:
            spent, given = history.attrs["spent"], history.attrs["seconds"]
            count = history.sizes.get("batch_size", 0)
            lines.append(f"recommend: {count} batch sizes in {spent:.1f} of {given:g} seconds")
            continue
        grid = grid_dimensions(history)
        alone = f"batch size {batch_size_in_words(history)}"
        name = f"sweep over {' and '.join(grid)}" if grid else alone
        replicates = history.sizes["replicate"]
        compiling, training = (
            float(setting(history, f"{part}_seconds").sum()) for part in ("compile", "training")
        )
        # Of all cells, although cells may have the number in common.
        like_cells = setting(history, "training_seconds")
        updates = int((setting(history, "updates") + 0 * like_cells).sum())
        each = training / (replicates * updates) * 1e6
        lines.append(
            f"{name}: {replicates} x {updates} updates, compiling {compiling:.2f} s, training "
            f"{training:.2f} s, {each:.2f} microseconds an update"
        )
    alive = time.time() - psutil.Process().create_time()
    lines.append(f"seconds since this process started: {alive:.0f}")
    return "\n".join(lines)
