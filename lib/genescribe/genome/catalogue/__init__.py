"""The catalogue of a genome: its annotation in DuckDB tables, checked against its sequences."""
