"""The verbs of `ray-watcher`, one file for each family."""
