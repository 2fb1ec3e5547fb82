"""Does it fit into the memory that is free."""

import psutil

# What is read, its three parts, and the arrays that are made of these, one part at a time.
COPIES = 3


def check_fits(what: str, size: float) -> None:
    """Refuse data that would not fit into free memory with the copies that preparing it takes.

    Parameters
    ----------
    what : str
        For the sentence: what was received.
    size : float
        Bytes that the data take once they are read, or so many as were found up to now.

    Raises
    ------
    ValueError
    """
    free = psutil.virtual_memory().available
    if COPIES * size > free:
        raise ValueError(
            f"data: expected what fits {COPIES} times into the {free / 1e9:.1f} GB of free memory, "
            f"received {what} of {size / 1e9:.1f} GB or more."
        )
