"""The command `batchlab`."""
