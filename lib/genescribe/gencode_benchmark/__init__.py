"""The Gencode exon/intron segmentation benchmark."""
