"""The family `generate`: a locus is read, and all its transcripts are written as one sentence."""
