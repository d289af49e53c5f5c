"""Interpretation of a codon model in six steps, each with tables, figures and a null model."""
