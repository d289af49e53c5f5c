"""The report of one annotation: input and model, the genes in numbers, cautions, a browser."""
