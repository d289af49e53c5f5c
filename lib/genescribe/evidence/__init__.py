"""What reads and proteins say of a genome: one table, whatever the file it comes from."""
