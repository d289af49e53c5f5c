"""Training the segment model."""
