"""Learn to annotate genomes, and annotate them."""

__version__ = "0.1.0"
