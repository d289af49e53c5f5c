"""A genome with its true annotation, its parameters fitted to named real genomes."""
