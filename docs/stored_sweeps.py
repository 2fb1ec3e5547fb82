"""Make the sweep that the page of the site without Python shows, docs/sweeps.nc.

For maintainers, after a change that moves numbers: `.venv/bin/python docs/stored_sweeps.py`. What
was finished is kept in the folder sweeps, so a run that was stopped goes on.
"""

import sys
from pathlib import Path

import numpy as np
import xarray as xr

import batchlab as bl
from batchlab.analysis.evaluate import diverged
from batchlab.foundation.files import replacing

DOCS = Path(__file__).parent
SWEEPS = DOCS / "sweeps.nc"
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)
# About equally far apart on a logarithmic axis, the tutorial's 0.01 among them.
LEARNING_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
OPTIMIZERS = ("SGD", "SGD momentum 0.9", "Adam")
EPOCHS = 200
REPLICATES = 16
# Every epoch of the fast beginning, then fewer: a sixth of the file, the same curves to the eye.
RECORDS = (*range(1, 10), *range(10, 20, 2), *range(20, 50, 5), *range(50, EPOCHS + 1, 10))
LOSSES = ("train_loss", "val_loss", "loss")
# Of how many samples an accuracy is.
ACCURACIES = {"train_accuracy": "train_samples", "val_accuracy": "n_test"}
# Seconds are those of one machine; the page shows no accuracy within an epoch.
LEFT_OUT = ("accuracy", "compile_seconds", "training_seconds")


def optimizer(name: str):
    """Return a fresh Keras optimizer by its name in the sweep.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.

    Returns
    -------
    keras.optimizers.Optimizer
    """
    from keras import optimizers

    if name == "Adam":
        return optimizers.Adam()
    return optimizers.SGD(momentum=0.9 if name == "SGD momentum 0.9" else 0.0)


def computed(store: Path) -> xr.Dataset:
    """Return the whole sweep, every epoch of it.

    Parameters
    ----------
    store : pathlib.Path
        Folder that keeps finished cells, see `batchlab.sweep`.

    Returns
    -------
    xarray.Dataset
        Dimensions batch_size, learning_rate, optimizer, replicate and epoch.
    """
    return bl.sweep(
        bl.mlp,
        bl.blobs(),
        batch_size=BATCH_SIZES,
        learning_rate=LEARNING_RATES,
        optimizer={name: optimizer(name) for name in OPTIMIZERS},
        epochs=EPOCHS,
        replicates=REPLICATES,
        store=store,
    )


def thinned(study: xr.Dataset) -> xr.Dataset:
    """Return what the page shows of the sweep: some records, losses in single precision.

    Parameters
    ----------
    study : xarray.Dataset
        From `computed`.

    Returns
    -------
    xarray.Dataset
        A result that `batchlab.evaluate` and the figures take. Accuracies stay what they were.

    Raises
    ------
    ValueError
        If other replicates diverge in it than in the whole sweep.
    """
    some = study.drop_vars(LEFT_OUT).sel(epoch=list(RECORDS))
    for name in LOSSES:
        # A loss on its way to infinity is finite still, though single precision has no such number.
        largest = np.finfo("float32").max
        some[name] = some[name].where(~np.isfinite(some[name]), some[name].clip(max=largest))
        some[name] = some[name].astype("float32")
    if not diverged(some).equals(diverged(study)):
        raise ValueError(
            "sweeps: expected the same replicates to diverge in the records that are kept, "
            "received others."
        )
    return some


def write(some: xr.Dataset, path: Path = SWEEPS) -> None:
    """Write the thinned sweep: accuracies as whole numbers of samples, compressed.

    Parameters
    ----------
    some : xarray.Dataset
        From `thinned`.
    path : pathlib.Path
    """
    small = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    packed = {name: dict(small) for name in (*ACCURACIES, *LOSSES)}
    for name, samples in ACCURACIES.items():
        scale = 1 / int(some.attrs[samples])
        packed[name] |= {"dtype": "uint16", "scale_factor": scale, "_FillValue": 65535}
    with replacing(path) as part:
        some.to_netcdf(part, engine="h5netcdf", encoding=packed)
    # Packing divides and rounds; a share of the samples must come back to the last bit.
    if not bl.open_result(path).drop_attrs().equals(some.drop_attrs()):
        raise ValueError(f"sweeps: expected the numbers of the sweep in {path}, received others.")


def main() -> int:
    """Compute what is missing and write the file."""
    study = computed(DOCS.parent / "sweeps")
    write(thinned(study))
    seconds = float(study["compile_seconds"].sum() + study["training_seconds"].sum())
    cells = study["training_seconds"].size
    print(f"{cells} cells, {seconds:.0f} seconds, {SWEEPS.stat().st_size / 1e6:.2f} MB in {SWEEPS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
