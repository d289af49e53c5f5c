"""What the Snakefile imports: the configuration, inputs, batches, digests of modules."""
