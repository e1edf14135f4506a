"""Programs for developing and releasing ray-watcher. They are in a checkout only; no wheel has them."""
