"""Genomes and their annotation: the only package that knows that GFF3 is 1-based and closed."""
