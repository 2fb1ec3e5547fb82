"""Functions problem -> keras.Model: `mlp`, `convnet`, and those found by a name."""
