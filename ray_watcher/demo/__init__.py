"""`ray-watcher demo`: the whole loop on this machine, beside whatever else runs here, and nothing left of it."""
