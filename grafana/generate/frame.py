"""What all dashboards have in common: variables, links, annotations, unique panel ids, and their JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, QueryVariable, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.generate.links import CLUSTER, RUNBOOKS, SCALER, dashboard_link
from grafana.generate.query import DATASOURCE, happened
from grafana.panel_data import PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

EVENTS = {
    "Launches": ("green", 'action="launch", outcome="done"'),
    "Drains and removals": ("blue", 'action=~"drain|remove", outcome="done"'),
    "Failures": ("red", 'outcome="failed"'),
}


def frame(uid: str, title: str, description: str) -> Dashboard:
    """An empty dashboard with what all of ours have."""
    board = Dashboard(title).uid(uid).description(description).tags(["ray", "ray-watcher"])
    board = board.time("now-30m", "now").refresh("5s").timezone("browser").readonly()
    board = board.tooltip(DashboardCursorSync.CROSSHAIR)
    others = {"Ray cluster": CLUSTER, "Ray scaler": SCALER, "Runbooks": RUNBOOKS}
    return board.links([dashboard_link(name, other) for name, other in others.items() if other != uid])


def with_variables(board: Dashboard) -> Dashboard:
    """Data source and cluster: one cluster at a time, so that two in one Prometheus are never mixed."""
    source = DatasourceVariable("datasource").label("Data source").type("prometheus")
    source = source.current(VariableOption(text="Prometheus", value=PROVISIONED))
    cluster = QueryVariable("cluster").label("Cluster").datasource(DATASOURCE)
    cluster = cluster.query("label_values(raycluster_up, cluster)").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return board.with_variable(source).with_variable(cluster.sort(VariableSort.ALPHABETICAL_ASC))


def with_sections(board: Dashboard, sections: Mapping[str, list[Builder[Panel]]]) -> Dashboard:
    """The panels, line by line, below their sections' titles; "" has none."""
    for title, panels in sections.items():
        if title:
            board = board.with_row(Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return board


def as_json(board: Dashboard, *, events: bool = True) -> str:
    """The dashboard as Grafana reads it, with ids by place, and scaling events as annotations."""
    content: dict[str, Any] = json.loads(JSONEncoder().encode(board.build()))
    for number, panel in enumerate(content["panels"], start=1):
        panel["id"] = number
    if events:
        content["annotations"] = {"list": [_annotation(name, *EVENTS[name]) for name in EVENTS]}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _annotation(name: str, colour: str, selected: str) -> dict[str, Any]:
    """The SDK's own type has neither `titleFormat` nor `textFormat`."""
    source = {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid}
    words = {"titleFormat": "{{action}}", "textFormat": "{{cause}}", "tagKeys": "action", "step": "10s"}
    counter = f'rayscaler_actions_total{{cluster="$cluster", {selected}}}'
    query = f"{happened(counter, 'action, cause')} > 0"
    target = {"expr": query, "interval": words["step"], "refId": "Anno", "datasource": source}
    shown = {"name": name, "datasource": source, "enable": True, "iconColor": colour, "expr": query}
    return {**shown, **words, "target": target}
