"""The live explorer: setting, answer, words, figures, widgets, page."""
