"""A model of a genome without annotation: counted from its own predicted genes, in rounds."""
