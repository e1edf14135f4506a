"""`python -m grafana.preview`: both dashboards as pictures, from what a Prometheus has."""

from __future__ import annotations

import time
from pathlib import Path

import click

from grafana.panel_data import Moment, Prometheus, dashboard
from grafana.preview.page import picture

DOCS = Path(__file__).parents[2] / "docs"


@click.command()
@click.option("--prometheus", default="http://127.0.0.1:9090", show_default=True, help="Base URL of Prometheus.")
@click.option("--cluster", default="default", show_default=True, help="Cluster to show.")
@click.option("--seconds", default=300.0, show_default=True, help="How far to look back from the end.")
@click.option("--end", type=float, help="Until when, in Unix seconds [default: now].")
@click.option("--step", default=2.0, show_default=True, help="Seconds between two points.")
@click.option("--out", type=click.Path(path_type=Path), default=DOCS, show_default=True, help="Directory for the PNGs.")
def preview(prometheus: str, cluster: str, seconds: float, end: float | None, step: float, out: Path) -> None:
    """Draw docs/dashboard-cluster.png and docs/dashboard-scaler.png."""
    until = time.time() if end is None else end
    for name in ("cluster", "scaler"):
        path = out / f"dashboard-{name}.png"
        picture(dashboard(name), Prometheus(prometheus), Moment(cluster, until - seconds, until, step), path)
        click.echo(path)


preview()
