"""`GET /`: the page. `GET /page/parts`: what has changed of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import render_template, request

from ray_watcher_common.web.problems import reply
from scaler.model.errors import JournalError
from scaler.web import runbooks
from scaler.web.page import assets, stages, timeline
from scaler.web.page.glance import level, tiles
from scaler.web.page.parts import Parts
from scaler.web.page.timeline import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Flask, Response

    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.web.api.documents import Status

RUN = secrets.token_hex(4)  # of this process
WORKERS_SHOWN, ROWS_SHOWN = 100, 50  # of the workers, and of each other list; the rest is in the JSON


@dataclass(frozen=True)
class Page:
    """The page over the scaler's `status`; `links` are names and addresses of neighbours."""

    status: Callable[[], Status]
    journal: Journal
    clock: Clock
    links: Sequence[tuple[str, str]] = ()

    def add_to(self, app: Flask) -> None:
        """Make `app` answer with the page."""
        app.jinja_env.filters |= {"moment": _moment, "iso": _iso}
        app.add_url_rule("/", "page", self.page)
        app.add_url_rule("/page/parts", "page_parts", self.changed)

    def page(self) -> str:
        """`GET /`."""
        rendered = self._parts.at(Filter.of(request.args), self.clock.now())
        return render_template(
            "status.html",
            **rendered.context,
            parts=rendered.parts,
            run=RUN,
            assets=assets,
            links=self.links,
        )

    def changed(self) -> Response:
        """`GET /page/parts?have=MARK,MARK,…`: the parts whose marks the page does not have."""
        rendered = self._parts.at(Filter.of(request.args), self.clock.now())
        have = set(request.args.get("have", "").split(","))
        return reply(
            {
                "time": rendered.at,
                "snapshot_at": rendered.context["observed_at"],
                "run": RUN,
                "version": assets.version(),
                "parts": {
                    name: {"mark": part.mark, "html": part.html}
                    for name, part in rendered.parts.items()
                    if part.mark not in have
                },
            }
        )

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self._context)

    def _context(self, chosen: Filter, now: float) -> Mapping[str, Any]:
        """What the templates need."""
        status = self.status()
        age = status["snapshot"]["age_seconds"]
        observed_at = None if age is None else status["time"] - age
        return {
            "status": status,
            "level": level(status),
            "tiles": tiles(status),
            "stages": stages.bar(status["last_scale_up"]),
            "took": status["last_scale_up"].get("demand_to_worker"),
            "groups": self._groups(chosen, now),
            "timeline": timeline,
            "chosen": chosen,
            "workers_shown": WORKERS_SHOWN,
            "rows_shown": ROWS_SHOWN,
            "runbooks": runbooks.shipped(),
            "observed_at": observed_at,
        }

    def _groups(self, chosen: Filter, now: float) -> list[timeline.Group] | None:
        """The timeline, newest first; None if the journal cannot be read."""
        try:
            return timeline.grouped(self.journal.history(chosen.question(now), now)["entries"])
        except JournalError:
            return None


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _moment(seconds: float) -> str:
    """For readers without scripts; with scripts it is the reader's own time."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(seconds))
