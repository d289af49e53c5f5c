"""Extrinsic evidence in the segment model: lanes of supported introns, weights, isoforms."""
