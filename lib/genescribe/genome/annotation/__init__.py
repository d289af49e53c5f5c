"""Annotation files: reading and writing GFF3 and GTF text, rows, features and genes."""
