"""Gene sentences and exon text: vocabularies, grammar, reading and writing."""
