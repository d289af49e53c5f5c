"""The forms of a model that writes genes: this library's, published checkpoints."""
