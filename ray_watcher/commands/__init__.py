"""The verbs of `ray-watcher`, one file per family."""
