"""The load driver. It runs in the cluster as a Ray job, so that its Ray and Python versions always match.

Its source is sent to the cluster (see `job`), so it imports only the standard library and Ray. Arguments: number of
tasks, CPUs, GPUs and seconds per task. It prints JSON lines, all times in unix seconds, and exits 1 if a task failed:

    {"event": "submitted", "at": ..., "tasks": 12}
    {"event": "progress", "at": ..., "finished": 3, "failed": 0, "tasks": 12}       on every change
    {"event": "node", "node_id": "...", "instance_id": "worker-1-...", "first_start": ..., "tasks": 4}
    {"event": "done", "at": ..., "finished": 12, "failed": 0, "tasks": 12}

`instance_id` is the worker id, "" on the head.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import Counter

import ray

LOOK_SECONDS = 0.5


def emit(event: str, **facts: object) -> None:
    """Print one event."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def hold(seconds: float) -> tuple[str, str, float]:
    """One task: hold the resources without using them; returns node, worker id and start time."""
    started = time.time()
    time.sleep(seconds)
    return ray.get_runtime_context().get_node_id(), os.environ.get("RAY_CLOUD_INSTANCE_ID", ""), started


class Tally:
    """Counts of finished tasks."""

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks
        self.failed = 0
        self.by_node: Counter[tuple[str, str]] = Counter()
        self.first_start: dict[tuple[str, str], float] = {}

    @property
    def finished(self) -> int:
        """Tasks that succeeded."""
        return sum(self.by_node.values())

    def add(self, result: ray.ObjectRef[tuple[str, str, float]]) -> None:
        """Count one ended task."""
        try:
            node_id, instance_id, started = ray.get(result)
        except ray.exceptions.RayError:
            self.failed += 1
            return
        node = (node_id, instance_id)
        self.by_node[node] += 1
        self.first_start[node] = min(started, self.first_start.get(node, started))

    def facts(self) -> dict[str, object]:
        """The figures of a progress event."""
        return {"at": time.time(), "finished": self.finished, "failed": self.failed, "tasks": self.tasks}


def main(tasks: int, num_cpus: float, num_gpus: float, seconds: float) -> int:
    """Submit the tasks, wait for them and print events; returns the exit code."""
    ray.init(log_to_driver=False, logging_level=logging.WARNING)
    task = ray.remote(hold).options(num_cpus=num_cpus, num_gpus=num_gpus)
    submitted_at = time.time()
    pending = [task.remote(seconds) for _ in range(tasks)]
    emit("submitted", at=submitted_at, tasks=tasks)
    tally = Tally(tasks)
    while pending:
        ended, pending = ray.wait(pending, num_returns=len(pending), timeout=LOOK_SECONDS)
        for result in ended:
            tally.add(result)
        if ended:
            emit("progress", **tally.facts())
    for node, count in tally.by_node.items():
        emit("node", node_id=node[0], instance_id=node[1], first_start=tally.first_start[node], tasks=count)
    emit("done", **tally.facts())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *(float(argument) for argument in sys.argv[2:5])))
