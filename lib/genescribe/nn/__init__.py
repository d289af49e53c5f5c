"""Encoders and blocks that the families share."""
