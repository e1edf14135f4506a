"""The shipped exporter as a process to be measured, the way Prometheus uses it: HTTP over a kept connection."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from exporter.snapshots import SHARED_SECONDS
from ray_watcher_common.host.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

APART_SECONDS = SHARED_SECONDS + 0.02  # so far apart two scrapes read Ray twice
START_SECONDS = 30.0
END_SECONDS = 10.0
READS = re.compile(rb'^raycluster_collects_total\{source="gcs"\} ([\d.e+]+)', re.MULTILINE)


@dataclass
class Exporter:
    """A running exporter at `port`."""

    process: psutil.Process
    port: int

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)

    def scrape(self) -> bytes:
        """One `/metrics`, as Prometheus asks for it."""
        return get(self._connection, "/metrics")

    def reads_for_scrapers(self, scrapers: int) -> int:
        """Reads of the GCS that `scrapers` cause who ask at the same moment, each on a connection of its own."""
        before = _reads(self.scrape())

        def ask(connection: http.client.HTTPConnection) -> bytes:
            return get(connection, "/metrics")

        connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=5) for _ in range(scrapers)]
        for connection in connections:
            connection.connect()
        time.sleep(APART_SECONDS)
        with ThreadPoolExecutor(scrapers) as pool:
            list(pool.map(ask, connections))
        for connection in connections:
            connection.close()
        time.sleep(APART_SECONDS)
        return _reads(self.scrape()) - before - 1  # the last scrape read once itself


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    """The body of a reply that has to be 200."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"{path}: got HTTP {answer.status}, wanted 200")
    return body


def series(metrics: bytes) -> int:
    """How many series a scrape holds."""
    return sum(bool(line) and not line.startswith(b"#") for line in metrics.splitlines())


def _reads(metrics: bytes) -> int:
    found = READS.search(metrics)
    return int(float(found[1])) if found else 0


@contextlib.contextmanager
def exporter_of(gcs_address: str) -> Iterator[Exporter]:
    """The exporter of the GCS at `gcs_address`, up and answering; stopped at the end."""
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "RAY_GCS_ADDRESS": gcs_address,
        "WATCHER_EXPORTER_LISTEN": f"127.0.0.1:{port}",
        "WATCHER_SCRAPE_WAIT": "5",  # a reply is to hold what was read for it, however large
    }
    with subprocess.Popen(
        [sys.executable, "-m", "exporter"], env=environment, stderr=subprocess.DEVNULL
    ) as program:  # ours
        try:
            yield _answering(program.pid, port)
        finally:
            program.terminate()
            program.wait(END_SECONDS)


def _answering(pid: int, port: int) -> Exporter:
    deadline = time.monotonic() + START_SECONDS
    while True:
        started = Exporter(psutil.Process(pid), port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            if b"raycluster_up 1.0" in started.scrape():
                return started
        if time.monotonic() > deadline:
            raise TimeoutError(f"the exporter does not answer at port {port} within {START_SECONDS:g} s")
        time.sleep(0.05)
