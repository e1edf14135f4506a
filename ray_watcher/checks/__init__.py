"""What `ray-watcher check-config` looks at: pure functions from parsed files to findings, and one that reads files."""
