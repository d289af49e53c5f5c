"""The genome-wide driver: tiles, strands, stitching, rejects, writing."""
