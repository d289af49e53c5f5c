"""Reading shards: samples, datasets with a cursor for exact resuming, batches."""
