"""Linear and semi-Markov CRF heads: the modules people import."""
