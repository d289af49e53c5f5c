"""Windows, splits, shards and their statistics."""
