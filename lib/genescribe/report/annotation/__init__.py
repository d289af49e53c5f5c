"""The report of one annotation: what was annotated with what, the genes in numbers, what to doubt, a browser."""
