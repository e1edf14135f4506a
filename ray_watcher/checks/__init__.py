"""The checks of `ray-watcher check-config`: pure functions from parsed files to findings, and one that reads files."""
