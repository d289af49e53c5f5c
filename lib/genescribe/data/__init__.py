"""Reading shards: samples, datasets whose cursor makes resume exact, batches."""
