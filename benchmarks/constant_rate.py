"""Requests at a constant rate, whatever the answers take, as those that come from many senders do.

A latency counts from the moment when the request was due, so a server that falls behind is not asked less for it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_SECONDS = 30.0
LEAD_SECONDS = 0.2  # for all connections to be there


async def latencies(  # each once
    host: str, port: int, request: Callable[[int], bytes], *, rate: float, connections: int, seconds: float
) -> list[float]:
    """Seconds of each of `rate * seconds` requests; `request(number)` is the bytes of one. Raises `OSError`.

    Each connection sends its equal share, one request after the other.
    """
    opened = [await asyncio.open_connection(host, port) for _ in range(connections)]
    begins, total = time.perf_counter() + LEAD_SECONDS, int(rate * seconds)

    async def share(first: int) -> list[float]:
        reader, writer = opened[first]
        took = []
        for number in range(first, total, connections):
            due = begins + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request(number))
            await asyncio.wait_for(_accepted(reader), ANSWER_SECONDS)
            took.append(time.perf_counter() - due)
        writer.close()
        return took

    shares = await asyncio.gather(*map(share, range(connections)))
    return [one for some in shares for one in some]


async def _accepted(reader: asyncio.StreamReader) -> None:
    """Read one answer. Raises `ConnectionError` if it is not 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1]
    _before, _name, after = head.partition(b"content-length:")
    await reader.readexactly(int(after.split(b"\r\n", 1)[0] or 0))
    if status != b"200":
        raise ConnectionError(f"answered {status.decode()}, wanted 200")


def quantile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
