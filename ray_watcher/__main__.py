"""`python -m ray_watcher` is `ray-watcher`."""

from ray_watcher.cli import main

main()
