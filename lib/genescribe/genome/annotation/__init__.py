"""Annotation files: GFF3 and GTF text, rows, features and genes, in and out."""
