"""The interface of the Snakefile: configuration, inputs, batches, digests of modules."""
