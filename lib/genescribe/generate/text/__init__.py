"""Gene sentences: vocabularies, grammar, reading and writing."""
