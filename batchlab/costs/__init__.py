"""Seconds and bytes: of updates, of Keras's own fit, of memory; and the machine."""
