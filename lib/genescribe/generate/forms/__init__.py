"""The forms of a model that writes genes: pointers, digits, published checkpoints."""
