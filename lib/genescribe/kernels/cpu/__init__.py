"""Layers and scores in native code for the CPU, each with a PyTorch version."""
