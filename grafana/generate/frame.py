"""What all dashboards have in common: variables, links, annotations, rows, unique panel ids, and their JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.generate.config import COUNTER_STEP, RAY_DASHBOARD_URL, REFRESH, SCHEMA_VERSION
from grafana.generate.links import CLUSTER, RUNBOOKS, SCALER, dashboard_link, ray_link
from grafana.generate.query import DATASOURCE, chosen, increase
from grafana.panel_data import PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

EVENTS = {
    "Launches": ("green", 'action="launch", outcome="done"'),
    "Drains and removals": ("blue", 'action=~"drain|remove", outcome="done"'),
    "Failures": ("red", 'outcome="failed"'),
}


ALL = VariableOption(text="All", value="$__all")


@dataclass(frozen=True)
class Section:
    """Panels below a row's title; `collapsed` if they are not for every day."""

    panels: list[Builder[Panel]]
    collapsed: bool = False


def frame(uid: str, title: str, description: str) -> Dashboard:
    """An empty dashboard with what all of ours have; it shows no data, so it is not refreshed."""
    board = Dashboard(title).uid(uid).description(description).tags(["ray", "ray-watcher"])
    board = board.time("now-30m", "now").refresh("").timezone("browser").readonly()
    board = board.tooltip(DashboardCursorSync.CROSSHAIR)
    others = {"Ray cluster": CLUSTER, "Ray scaler": SCALER, "Runbooks": RUNBOOKS}
    return board.links([dashboard_link(name, other) for name, other in others.items() if other != uid])


def with_data(board: Dashboard) -> Dashboard:
    """Refreshed, with data source, clusters (all, one or some of them) and the address of Ray's own dashboard."""
    source = DatasourceVariable("datasource").label("Data source").type("prometheus")
    source = source.current(VariableOption(text="Prometheus", value=PROVISIONED))
    cluster = QueryVariable("cluster").label("Cluster").datasource(DATASOURCE)
    cluster = cluster.query("label_values(raycluster_up, cluster)")
    cluster = cluster.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    cluster = cluster.multi(multi=True).include_all(include_all=True).all_value(".+").current(ALL)
    ray = TextBoxVariable("ray_dashboard").label("Ray dashboard").default_value(RAY_DASHBOARD_URL)
    ray = ray.current(VariableOption(text=RAY_DASHBOARD_URL, value=RAY_DASHBOARD_URL))
    board = board.refresh(REFRESH).link(ray_link())
    return board.with_variable(source).with_variable(cluster).with_variable(ray)


def with_sections(board: Dashboard, sections: Mapping[str, Section]) -> Dashboard:
    """The panels, line by line, below their sections' titles; "" has none."""
    for title, section in sections.items():
        row = Row(title).collapsed(section.collapsed)
        if section.collapsed:
            for panel in section.panels:
                row = row.with_panel(panel)
        if title:
            board = board.with_row(row)
        for panel in section.panels if not section.collapsed else ():
            board = board.with_panel(panel)
    return board


def as_json(board: Dashboard, *, events: bool = True) -> str:
    """The dashboard as Grafana reads it, with ids by place, and scaling events as annotations."""
    content: dict[str, Any] = json.loads(JSONEncoder().encode(board.build()))
    content["schemaVersion"] = SCHEMA_VERSION
    for number, panel in enumerate(_with_rows(content["panels"]), start=1):
        panel["id"] = number
    if events:
        content["annotations"] = {"list": [_annotation(name, *EVENTS[name]) for name in EVENTS]}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _with_rows(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The panels, those inside collapsed rows too."""
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def _annotation(name: str, colour: str, selected: str) -> dict[str, Any]:
    """The SDK's own type has neither `titleFormat` nor `textFormat`."""
    source = {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid}
    words = {"titleFormat": "{{action}}", "textFormat": "{{cause}}", "tagKeys": "action", "step": COUNTER_STEP}
    counter = f"rayscaler_actions_total{{$, {selected}}}"
    query = chosen(f"{increase(counter, 'action, cause')} > 0")
    target = {"expr": query, "interval": words["step"], "refId": "Anno", "datasource": source}
    shown = {"name": name, "datasource": source, "enable": True, "iconColor": colour, "expr": query}
    return {**shown, **words, "target": target}
