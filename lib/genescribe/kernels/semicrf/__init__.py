"""Semi-Markov chains: potentials, recurrences and their backends."""
