"""Classifiers of coding sequences: probes on a codon model's embeddings, and k-mer models beside them."""
