"""The segment model on whole strands."""
