"""The dashboards' structure: what Grafana needs to show them, and what people need to understand them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from grafana.panel_data import DASHBOARDS, PROVISIONED, dashboard, panels
from scaler.model.decision import ACTION_CAUSES, HELD_CAUSES
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from support import panel_rows, rules_data

BOARDS = {name: dashboard(name) for name in ("cluster", "scaler")}
PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in panels(board)}
QUERIES = {
    f"{title} {target['refId']}": target["expr"] for title, panel in PANELS.items() for target in panel["targets"]
}
NODE_METRICS = {f"ray_node_{name}" for name in ("cpu_utilization", "gpus_utilization", "mem_total", "mem_used")}
KNOWN = {
    *(family.name for family in EXPORTER_CATALOG),
    *SCALER_CATALOG,
    *rules_data.recorded(),
    *rules_data.AWAITED,
    *NODE_METRICS,
    *("ALERTS", "up"),
}
EVERYWHERE = re.compile(r"\bup\{job=\"alertmanager\"\}")  # one Alertmanager may serve several clusters
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
each_query = pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)


def _metrics(query: str) -> set[str]:
    """What is selected: words before `{`, histograms by their own name."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"([a-zA-Z_:][\w:]*)\{", query)}


def test_uids_never_change_for_links_and_bookmarks_hold_them() -> None:
    uids = {path.stem: dashboard(path.stem)["uid"] for path in DASHBOARDS.glob("*.json")}

    assert uids == {name: f"ray-watcher-{name}" for name in ("cluster", "scaler", "runbooks")}


@each_board
def test_panels_are_told_apart_by_id_and_by_title(board: dict[str, Any]) -> None:
    for key, shown in (("id", board["panels"]), ("title", list(panels(board)))):
        assert len({panel[key] for panel in shown}) == len(shown)


@each_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for asked in (panel, *panel["targets"]):
        assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_panel
def test_no_query_of_a_panel_is_left_out(panel: dict[str, Any]) -> None:
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])


@each_query
def test_a_query_knows_its_metrics(query: str) -> None:
    assert _metrics(query)
    assert _metrics(query) <= KNOWN


def test_prometheus_keeps_of_rays_own_metrics_what_the_dashboards_ask_for_and_no_more() -> None:
    [job] = [job for job in rules_data.prometheus()["scrape_configs"] if job["job_name"] == "ray-nodes"]
    [kept] = [rule["regex"] for rule in job["metric_relabel_configs"] if rule["action"] == "keep"]

    asked = {metric for query in QUERIES.values() for metric in _metrics(query) if metric.startswith("ray_")}
    assert asked == NODE_METRICS
    assert all(re.fullmatch(kept, metric) for metric in NODE_METRICS)
    assert len(kept.split("|")) == len(NODE_METRICS)


@each_query
def test_every_selector_keeps_to_the_chosen_cluster(query: str) -> None:
    selectors = re.findall(r"\{[^}]*\}", EVERYWHERE.sub("", query))

    assert all(selector.startswith('{cluster="$cluster"') for selector in selectors)


def test_causes_named_in_queries_exist() -> None:
    known = {cause.value for causes in (*ACTION_CAUSES.values(), HELD_CAUSES) for cause in causes}

    named = {
        cause
        for query in QUERIES.values()
        for text in re.findall(r'cause=~?"([^"]+)"', query)
        for cause in text.split("|")
    }

    assert named <= known


@each_board
def test_a_dashboard_chooses_data_source_and_cluster(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}

    assert set(variables) == {"datasource", "cluster"}
    assert variables["datasource"]["current"]["value"] == PROVISIONED
    assert variables["cluster"]["query"] == "label_values(raycluster_up, cluster)"
    assert not variables["cluster"].get("multi")


@each_board
def test_scaling_events_are_drawn_over_the_panels(board: dict[str, Any]) -> None:
    events = {event["name"]: event["expr"] for event in board["annotations"]["list"]}

    assert set(events) == {"Launches", "Drains and removals", "Failures"}
    assert all(_metrics(query) == {"rayscaler_actions_total"} for query in events.values())


def test_dashboards_lead_to_each_other_and_panels_to_the_page_of_their_alert() -> None:
    pages = {f"/d/ray-watcher-runbooks?viewPanel={panel['id']}": panel for panel in dashboard("runbooks")["panels"]}
    for name, board in BOARDS.items():
        others = {f"/d/ray-watcher-{other}" for other in ("cluster", "scaler", "runbooks") if other != name}
        assert {link["url"] for link in board["links"]} == others
    links = [link for panel in PANELS.values() for link in panel.get("links") or []]
    assert len(links) > len(PANELS) / 2
    for link in links:
        assert link["title"] == f"Runbook: {pages[link['url']]['title']}"


def test_every_alert_has_its_page_in_grafana_with_links_that_stay_there() -> None:
    pages = {panel["title"]: panel["options"]["content"] for panel in dashboard("runbooks")["panels"]}

    assert set(pages) == {alert["alert"] for alert in rules_data.alerts()}
    assert all("**Means.**" in page for page in pages.values())
    assert all(target.startswith("/d/") for page in pages.values() for target in re.findall(r"\]\(([^)]+)\)", page))


def test_grafana_is_given_the_data_source_by_its_fixed_uid_and_no_password() -> None:
    provisioning = DASHBOARDS.parent / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))

    assert [source["uid"] for source in sources["datasources"]] == [PROVISIONED]
    assert all("password" not in path.read_text(encoding="utf-8") for path in provisioning.rglob("*.yml"))


def test_every_query_that_may_be_empty_is_one_of_a_panel() -> None:
    queries = {
        f"{name}: {panel['title']} {target['refId']}"
        for name in ("cluster", "scaler")
        for panel in panels(dashboard(name))
        for target in panel["targets"]
    }

    assert {query for query in panel_rows.EMPTY if not query.startswith("annotations: ")} <= queries
