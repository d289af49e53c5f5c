"""Heavy operations: for each a plain reference, fast implementations, and one function that picks."""
