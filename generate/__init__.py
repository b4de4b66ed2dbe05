"""What a worker does to its shard. Nothing here imports `launch`."""
