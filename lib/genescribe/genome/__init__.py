"""Genomes and their annotation: the only room that knows that GFF3 is 1-based and closed."""
