"""Training models that write gene sentences."""
