"""The public names timed against Keras: `make bench` and `batchlab devices`."""
