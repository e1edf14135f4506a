"""A Ray driver that does what it is told line by line: `python -m benchmarks.ray_driver GCS_ADDRESS`.

    add N      submit N tasks of one CPU that never end; says "added"
    ask        one `ray.available_resources()`; says its seconds
    metrics    says the port of the first node's own metrics

It ends, and its tasks with it, when its standard input does.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import ray

HOLD_SECONDS = 3600


def hold() -> None:
    """One task."""
    time.sleep(HOLD_SECONDS)


def main(address: str) -> None:
    """Obey until standard input ends."""
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    task = ray.remote(hold).options(num_cpus=1)
    kept: list[Any] = []
    _say("ready")
    for line in sys.stdin:
        verb, _, argument = line.strip().partition(" ")
        if verb == "add":
            kept += [task.remote() for _ in range(int(argument))]
            _say("added")
        elif verb == "ask":
            began = time.perf_counter()
            ray.available_resources()
            _say(str(time.perf_counter() - began))
        else:
            _say(str(ray.nodes()[0]["MetricsExportPort"]))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
