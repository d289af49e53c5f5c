"""Label schemes: from annotation to per-base labels, and back."""
