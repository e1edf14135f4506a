"""What a client may take of a server."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Sizes are bytes, times are seconds. A client that exceeds one does not affect others."""

    threads: int = 8  # requests that run at once
    connections: int = 256  # open at once; beyond, the connection that has waited longest is closed
    head: int = 64 * KIB  # of the request line and all headers
    head_seconds: float = 10.0  # from a connection, or the first byte of a later request, to the end of the head
    body: int = 64 * KIB  # of a request from anybody
    trusted_body: int = 64 * KIB  # of a request with credentials
    bodies: int = 32 * MIB  # of all requests with more than `body` together
    body_seconds: float = 20.0  # from the end of the head to the end of the body
    unsent: int = 32 * MIB  # of all answers that clients have not taken yet
    send_seconds: float = 20.0  # for a client to take some more of its answer
    idle_seconds: float = 120.0  # between two requests: more than the 90 s after which clients written in Go close

    discarded: int = 16 * MIB  # of what a client still sends after it was refused, so that it gets to read why
    discard_seconds: float = 2.0

    @property
    def check_seconds(self) -> float:
        """How often the times are checked."""
        return min(1.0, self.head_seconds / 10)
