"""`python -m watcher` is `ray-watcher`."""

from ray_watcher.cli import main

main()
