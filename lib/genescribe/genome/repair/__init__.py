"""The sorter: malformed GFF3, GTF and GFF2 in, well-formed sorted GFF3 out."""
