"""A scaler that is killed while many clients post: whatever it answered 2xx is in the journal."""

from __future__ import annotations

import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from scaler.journal.journal import Journal
from support.scaler_program import CLUSTER
from support.site import NOTIFICATION
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.scaler_program import Scaler

pytestmark = pytest.mark.e2e

ROUNDS, CLIENTS = 4, 24
MOST_ACCEPTED = 400  # notifications, before it is killed
HEADERS = {"Content-Type": "application/json"}
(ALERT,) = NOTIFICATION["alerts"]


def post_until_it_is_gone(address: str, client: str, accepted: set[str]) -> None:
    """Post alerts that nobody else posts, one to three at once; those that were answered 2xx go into `accepted`."""
    connection = http.client.HTTPConnection(address, timeout=10)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        for number in count():
            keys = {f"{client}-{number}-{part}" for part in range(number % 3 + 1)}
            alerts = [{**ALERT, "fingerprint": key} for key in keys]
            connection.request("POST", "/alerts", json.dumps({**NOTIFICATION, "alerts": alerts}), HEADERS)
            answer = connection.getresponse()
            if answer.status == 200:
                accepted.update(keys)
            answer.read()


def is_healthy(scaler: Scaler) -> bool:
    return scaler.get("/-/healthy")[0] == 200


def has(accepted: set[str], enough: int) -> bool:
    return len(accepted) >= enough


def test_every_alert_that_was_accepted_is_in_the_journal_after_a_kill(
    start: Callable[..., Scaler],  # the fixture
    tmp_path: Path,
) -> None:
    accepted: set[str] = set()
    for life in range(ROUNDS):
        scaler, enough = start(), len(accepted) + random.randint(1, MOST_ACCEPTED)  # noqa: S311  # a moment, no secret
        eventually(partial(is_healthy, scaler))
        with ThreadPoolExecutor(CLIENTS) as clients:
            for client in range(CLIENTS):
                address = scaler.url.removeprefix("http://")
                clients.submit(post_until_it_is_gone, address, f"{life}-{client}", accepted)
            eventually(partial(has, accepted, enough))
            scaler.process.kill()

        with closing(Journal(tmp_path / "journal" / f"{CLUSTER}.db")) as journal:
            assert accepted <= {alert.key for alert in journal.alerts()}
