"""The forms of a model that writes genes: pointers, digits, exon text, published checkpoints."""
