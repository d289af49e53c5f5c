"""Training a codon model."""
