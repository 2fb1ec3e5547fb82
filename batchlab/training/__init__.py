"""`fit`, `fit_each`, `sweep`: the grid, its cells trained here or elsewhere, the store."""
