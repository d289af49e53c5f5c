"""Annotate loci and genomes by writing gene sentences."""
