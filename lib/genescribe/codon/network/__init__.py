"""The codon GPT."""
