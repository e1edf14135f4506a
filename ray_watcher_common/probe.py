"""`python3 -m ray_watcher_common.probe URL`: exit code 0 if URL answers 200 within seconds.

The health check of our images.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 3.0


def problem(url: str) -> str:
    """Why `url` (plain http) does not answer 200; "" if it does."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return f"{url}: {error}"
    finally:
        connection.close()
    return "" if answer.status == HTTPStatus.OK else f"{url}: HTTP {answer.status}: {text}"


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1]) or 0)
