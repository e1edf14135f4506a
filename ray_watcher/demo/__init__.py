"""`ray-watcher demo`: the whole loop on this machine, separate from other clusters, cleaned up at the end."""
