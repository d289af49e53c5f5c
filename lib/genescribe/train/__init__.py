"""One training engine for all families: loop, distribution, checkpoints, logs."""
