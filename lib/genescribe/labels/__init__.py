"""Label schemes: annotation to labels of every base, and back."""
