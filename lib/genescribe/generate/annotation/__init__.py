"""Annotating loci and genomes by writing sentences."""
