"""Numbers from histories: intervals, targets, comparisons, rates. No TensorFlow, no Matplotlib."""
