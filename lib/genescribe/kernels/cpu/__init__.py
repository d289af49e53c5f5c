"""Layers and scores in native code for the CPU, each beside its PyTorch version."""
