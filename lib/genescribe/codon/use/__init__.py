"""Using a trained codon model: queries, generation, mutation maps."""
