"""The dashboards' structure: what Grafana needs to show them, and what people need to understand them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from grafana.panel_data import DASHBOARDS, PROVISIONED, SCRAPE_SECONDS, Moment, dashboard, panels, with_rows
from scaler.model.decision import ACTION_CAUSES, HELD_CAUSES
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from support import panel_rows, rules_data

if TYPE_CHECKING:
    from pathlib import Path

BOARDS = {name: dashboard(name) for name in ("cluster", "scaler")}
PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in panels(board)}
QUERIES = {
    f"{title} {target['refId']}": target["expr"] for title, panel in PANELS.items() for target in panel["targets"]
}
NODE_METRICS = {
    *(f"ray_node_{name}" for name in ("cpu_utilization", "gpus_utilization", "mem_total", "mem_used")),
    *("ray_actors", "ray_tasks"),
}
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
    for key, shown in (("id", list(with_rows(board))), ("title", list(panels(board)))):
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

    assert all(selector.startswith('{cluster=~"$cluster"') for selector in selectors)


@each_query
def test_counters_are_shown_by_functions_that_know_of_restarts_over_grafanas_interval(query: str) -> None:
    spans = set(re.findall(r"\[([^]]+)\]", query))

    assert spans <= {"$__rate_interval", "$__range", "5m", "10m"}
    assert "offset" not in query
    counters = re.findall(r"(?<!mem)_(?:total|bucket|count)\{", query)
    assert len(counters) == len(re.findall(r"\b(?:rate|increase)\(", query))


def test_the_queries_are_promql(tmp_path: Path) -> None:
    moment = Moment("default|other", start=0, end=600)
    rules = [{"record": f"query:{n}", "expr": moment.fill(query)} for n, query in enumerate(QUERIES.values())]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    command = ["promtool", "check", "rules", str(tmp_path / "queries.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


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

    assert set(variables) == {"datasource", "cluster", "ray_dashboard"}
    assert variables["datasource"]["current"]["value"] == PROVISIONED
    assert variables["cluster"]["query"] == "label_values(raycluster_up, cluster)"
    assert (variables["cluster"]["multi"], variables["cluster"]["includeAll"]) == (True, True)
    assert re.fullmatch(variables["cluster"]["allValue"], "any-cluster.1")


@pytest.mark.parametrize("name", ["cluster", "scaler", "runbooks"])
def test_a_dashboard_is_for_grafana_11_and_refreshed_if_it_shows_data(name: str) -> None:
    board = dashboard(name)

    assert board["schemaVersion"] == 39  # Grafana 11.0's; a newer Grafana migrates it
    assert board["refresh"] == ("30s" if list(panels(board)) else "")


@each_panel
def test_a_panel_asks_no_more_often_than_prometheus_scrapes(panel: dict[str, Any]) -> None:
    assert float(panel["interval"].removesuffix("s")) >= SCRAPE_SECONDS


@pytest.mark.parametrize(
    ("name", "collapsed"),
    [("cluster", ["Tasks and actors", "Snapshot"]), ("scaler", ["Failed launches and removals", "Health"])],
)
def test_what_is_not_for_every_day_is_collapsed(name: str, collapsed: list[str]) -> None:
    rows = [panel for panel in dashboard(name)["panels"] if panel["type"] == "row"]

    assert [row["title"] for row in rows if row["collapsed"]] == collapsed
    assert all(bool(row.get("panels")) == row["collapsed"] for row in rows)


@each_board
def test_scaling_events_are_drawn_over_the_panels(board: dict[str, Any]) -> None:
    events = {event["name"]: event["expr"] for event in board["annotations"]["list"]}

    assert set(events) == {"Launches", "Drains and removals", "Failures"}
    assert all(_metrics(query) == {"rayscaler_actions_total"} for query in events.values())


def test_dashboards_lead_to_each_other_and_panels_to_the_page_of_their_alert() -> None:
    pages = {f"/d/ray-watcher-runbooks?viewPanel={panel['id']}": panel for panel in dashboard("runbooks")["panels"]}
    for name, board in BOARDS.items():
        others = {f"/d/ray-watcher-{other}" for other in ("cluster", "scaler", "runbooks") if other != name}
        others.add("${ray_dashboard}")
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
