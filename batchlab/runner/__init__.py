"""Notebooks in batch: found, checked, executed, shown. Imports no part that trains."""
