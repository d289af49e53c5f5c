"""Sequence statistics counted from training genes: content, signals, branch points."""
