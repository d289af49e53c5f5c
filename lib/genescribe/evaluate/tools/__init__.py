"""External programs that are compared with a prediction or that score it."""
