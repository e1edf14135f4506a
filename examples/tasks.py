"""Six tasks of five seconds, each with a CPU of its own: more than a head with one CPU runs, so workers are launched.

Run it where Ray is: docs/compose.md.
"""

import time

import ray


@ray.remote(num_cpus=1)
def work(number: int) -> int:
    """Hold a CPU for five seconds."""
    time.sleep(5)
    return number


ray.init(address="auto")
done = ray.get([work.remote(number) for number in range(6)])
print(f"{len(done)} tasks finished on {len(ray.nodes())} nodes")  # noqa: T201  # for a person
