"""What is learnt: `Problem`, and the made-up ones whose best accuracy is known. No TensorFlow."""
