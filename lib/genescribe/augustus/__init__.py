"""Parameter sets of AUGUSTUS (Stanke & Waack 2003, Bioinformatics 19 Suppl. 2), read and made into segment models."""
