"""Accuracy of labels along sequences."""
