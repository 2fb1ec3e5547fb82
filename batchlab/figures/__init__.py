"""Draws what the others return. Imports neither TensorFlow nor Keras."""
