"""Loci: windows, hints, shards."""
