"""What a result was computed with and how long it took, in words."""

import time

import psutil
import xarray as xr


def run_report(*histories: xr.Dataset) -> str:
    """Return the versions, the device and the seconds of some histories, a line each.

    Parameters
    ----------
    *histories : xarray.Dataset
        From `batchlab.fit`, at least one, all of this process.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If no history is given.
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
        settings = history.attrs
        updates = settings["replicates"] * settings["updates"]
        lines.append(
            f"batch size {settings['batch_size']}: {settings['replicates']} x "
            f"{settings['updates']} updates, compiling {settings['compile_seconds']:.2f} s, "
            f"training {settings['training_seconds']:.2f} s, "
            f"{settings['training_seconds'] / updates * 1e6:.2f} microseconds an update"
        )
    alive = time.time() - psutil.Process().create_time()
    lines.append(f"seconds since this process started: {alive:.0f}")
    return "\n".join(lines)
