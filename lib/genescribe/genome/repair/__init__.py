"""The sorter: ill-formed GFF3, GTF and GFF2 in, well-formed sorted GFF3 out."""
