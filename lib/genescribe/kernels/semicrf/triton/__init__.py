"""The blocked recurrences as Triton kernels."""
