"""Genome-wide prediction: tiles, strands, stitching, rejects, writing."""
