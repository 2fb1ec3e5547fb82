"""What every part stands on: checks of arguments, TensorFlow and Keras, whole files."""
