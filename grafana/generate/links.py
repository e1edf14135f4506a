"""Links: from one dashboard to the next, and from a panel to its runbook."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

CLUSTER, SCALER, RUNBOOKS = "ray-watcher-cluster", "ray-watcher-scaler", "ray-watcher-runbooks"
"""Uids of the dashboards: what links lead to."""

PAGES = sorted((Path(__file__).parents[2] / "docs" / "runbooks").glob("*.md"))


def page_id(alert: str) -> int:
    """The panel of the dashboard `RUNBOOKS` that holds the alert's page. Raises `ValueError` for an unknown alert."""
    return [page.stem for page in PAGES].index(alert) + 1


def page_url(alert: str) -> str:
    """Where Grafana shows the alert's page, wherever Grafana is."""
    return f"/d/{RUNBOOKS}?viewPanel={page_id(alert)}"


def runbook_link(alert: str) -> DashboardLink:
    """The link in a panel's corner."""
    return DashboardLink(f"Runbook: {alert}").type(DashboardLinkType.LINK).url(page_url(alert))


def ray_link() -> DashboardLink:
    """The link on top to Ray's own dashboard."""
    link = DashboardLink("Ray dashboard").type(DashboardLinkType.LINK).icon("external link").url("${ray_dashboard}")
    return link.target_blank(target_blank=True)


def dashboard_link(title: str, uid: str) -> DashboardLink:
    """The link on top of a dashboard; it keeps time and cluster."""
    link = DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard").url(f"/d/{uid}")
    return link.keep_time(keep_time=True).include_vars(include_vars=True)
