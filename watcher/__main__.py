"""`python -m watcher` is `ray-watcher`."""

from watcher.cli import main

main()
