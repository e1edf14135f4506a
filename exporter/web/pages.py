"""The exporter's pages: `/`, `/metrics`, `/state`, `/-/healthy`, `/-/ready`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, render_template_string, request
from prometheus_client import CollectorRegistry, ProcessCollector

from exporter.metrics.collector import ClusterCollector
from exporter.metrics.exposition import Exposition
from exporter.web.landing import LANDING_PAGE
from ray_watcher_common.program import reloading
from ray_watcher_common.state import to_document
from ray_watcher_common.web.application import Access, new_app, refuse_web_pages
from ray_watcher_common.web.problems import problem, reply
from ray_watcher_common.web.usage import Usage, UsageCollector

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from exporter.metrics.families import Thresholds
    from exporter.snapshots import View


def application(  # noqa: PLR0913  # one argument for each part
    latest: Callable[[], View],
    thresholds: Callable[[], Thresholds],
    host_cpu_ratio: Callable[[], float | None],
    now: Callable[[], float],
    *,
    shared: float = 0.0,
    usage: Usage | None = None,
    reload: Callable[[str], str] = lambda _trigger: "",
    access: Access = Access(),  # noqa: B008  # a frozen value
) -> Flask:
    """The WSGI application. `latest` never raises and answers within a second; `now` is in unix seconds.

    Scrapers that are less than `shared` seconds apart get the same text. `usage` is that of the server.
    `reload` reads the thresholds again, and returns what is wrong with them.
    """
    app = new_app("exporter", access)
    registry = CollectorRegistry()
    registry.register(ClusterCollector(latest, thresholds, host_cpu_ratio))
    registry.register(UsageCollector(usage or Usage(), "raycluster_exporter"))
    ProcessCollector(registry=registry)
    exposition = Exposition(registry, now, shared)

    @app.get("/")
    def landing_page() -> str:
        view = latest()
        return render_template_string(LANDING_PAGE, view=view, state=view.state)

    @app.get("/metrics")
    def metrics() -> Response:
        text, content_type = exposition.text(request.headers.get("Accept", ""))
        return Response(text, content_type=content_type)

    @app.get("/state")
    def state() -> Response:
        view = latest()
        if view.state is None:
            return reply(problem(503, "no source answers", reasons=dict(view.problems)), 503)
        return reply(to_document(view.state, now()))

    @app.get("/-/healthy")
    def healthy() -> str:
        return "healthy\n"

    @app.get("/-/ready")
    def ready() -> tuple[str, int]:
        view = latest()
        if view.state is None:
            return "".join(f"{problem}\n" for problem in view.problems.values()), 503
        return "ready\n", 200

    @app.post(reloading.PATH)
    def reload_thresholds() -> Response:
        refuse_web_pages()
        mistakes = reload(reloading.HTTP)
        return reply(problem(500, mistakes), 500) if mistakes else reply({})

    return app
