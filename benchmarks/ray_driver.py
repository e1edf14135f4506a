"""A Ray driver that executes commands, one per line: `python -m benchmarks.ray_driver GCS_ADDRESS`.

    add N      submit N tasks of one CPU that never end; prints "added"
    block      submit one of them; prints "blocked" when it runs
    run N      submit N more; when all run, prints when they were submitted and when and where each began, as JSON;
               they end then
    work N S   submit N tasks of one CPU for S seconds each; when all are done, prints the same
    nodes      prints the number of living nodes
    ask        one `ray.available_resources()`; prints its seconds
    metrics    prints the port of the first node's own metrics

It ends, and its tasks with it, when its standard input does. It is one file that needs only Ray, to be run in a
container of the cluster, too; times are unix seconds.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import ray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOLD_SECONDS = 3600.0
BOUND_SECONDS = 170.0  # for all tasks of one command to begin, or to end
NAP_SECONDS = 0.1  # a task that is cancelled ends between two


def hold() -> Iterator[tuple[float, str]]:
    """One task: first it yields when and where it began."""
    began = time.time()
    yield began, ray.get_runtime_context().get_node_id()
    while time.time() < began + HOLD_SECONDS:
        time.sleep(NAP_SECONDS)


def work(seconds: float) -> tuple[float, str]:
    """One task that ends by itself; when and where it began."""
    began = time.time()
    time.sleep(seconds)
    return began, ray.get_runtime_context().get_node_id()


class Obeying:
    """What a connected driver can do; each method is a command and returns its answer."""

    def __init__(self) -> None:
        self._hold = ray.remote(hold).options(num_cpus=1)
        self._work = ray.remote(work).options(num_cpus=1)
        self._kept: list[Any] = []

    def add(self, tasks: str) -> str:
        """Submit pending tasks."""
        self._kept += [self._hold.remote() for _ in range(int(tasks))]
        return "added"

    def block(self) -> str:
        """Fill one CPU."""
        holding = self._hold.remote()
        _all([holding])
        self._kept.append(holding)
        return "blocked"

    def run(self, tasks: str) -> str:
        """From submission until all run."""
        submitted = time.time()
        holding = [self._hold.remote() for _ in range(int(tasks))]
        _all(holding)
        began = ray.get([next(one) for one in holding])
        for one in holding:
            ray.cancel(one)
        return json.dumps({"submitted": submitted, "began": began})

    def work(self, tasks: str, seconds: str) -> str:
        """Many short ones."""
        submitted = time.time()
        began = ray.get([self._work.remote(float(seconds)) for _ in range(int(tasks))], timeout=BOUND_SECONDS)
        return json.dumps({"submitted": submitted, "began": began})

    def nodes(self) -> str:
        """The head counts."""
        return str(sum(node["Alive"] for node in ray.nodes()))

    def ask(self) -> str:
        """How long the question takes."""
        began = time.perf_counter()
        ray.available_resources()
        return str(time.perf_counter() - began)

    def metrics(self) -> str:
        """Of the head."""
        return str(ray.nodes()[0]["MetricsExportPort"])


def _all(holding: Sequence[Any]) -> None:
    """Wait until all run."""
    running, waiting = ray.wait(list(holding), num_returns=len(holding), timeout=BOUND_SECONDS)
    if waiting:
        raise TimeoutError(f"got {len(running)} running tasks, wanted {len(holding)} within {BOUND_SECONDS:g} s")


def main(address: str) -> None:
    """Obey until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # Ray writes to standard error, too
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    obeying = Obeying()
    answers.write("ready\n")
    for line in sys.stdin:
        verb, *arguments = line.split()
        answers.write(f"{getattr(obeying, verb)(*arguments)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
