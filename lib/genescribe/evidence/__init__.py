"""Evidence of reads and proteins on a genome: one table for all kinds of files."""
