"""Reading a locus and decoding: encoders, decoder, prefix-LM."""
