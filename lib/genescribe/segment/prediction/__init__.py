"""The segment model over whole strands."""
