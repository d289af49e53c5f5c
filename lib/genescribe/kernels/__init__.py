"""Heavy operations, each with a plain reference, fast implementations, and one function that chooses."""
