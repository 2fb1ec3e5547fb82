"""The one data structure, what `fit` and `sweep` return: names, reading, joining. No TensorFlow."""
