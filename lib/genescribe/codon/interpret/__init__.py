"""Six steps that look into a codon model, each with tables, pictures and a null."""
