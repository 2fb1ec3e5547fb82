"""One training as one compiled program: all that decides its numbers."""
