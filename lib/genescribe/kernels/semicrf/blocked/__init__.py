"""The blocked recurrences in PyTorch, for any device."""
