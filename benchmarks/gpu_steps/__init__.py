"""The steps of benchmarks/gpu.py, and the files that they read."""
