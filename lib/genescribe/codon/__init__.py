"""Codon language models of prokaryotic coding sequences: data, model, evaluation, interpretation, classifiers."""
