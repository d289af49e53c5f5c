"""Classifiers of coding sequences: probes on the embeddings of a codon model, and k-mer models."""
