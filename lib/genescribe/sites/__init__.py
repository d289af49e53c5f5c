"""Networks that score sites of genes, trained from annotation: part of a gene finder, not one by themselves."""
