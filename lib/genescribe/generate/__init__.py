"""The family `generate`: reads a locus and writes all its transcripts as one sentence."""
