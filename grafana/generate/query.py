"""A PromQL query of a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
REF_IDS = "ABCDEFGH"
RANGE = "$__range"


@dataclass(frozen=True)
class Query:
    """An expression, in which `{$}` and `{$, …}` select the chosen cluster, and what its series are called."""

    expression: str
    legend: str = ""

    def target(self, ref_id: str, shape: Literal["series", "last", "table", "heatmap"]) -> prometheus.Dataquery:
        """The query as a panel takes it: over the time range, its last value, as a table, or as buckets."""
        expression = self.expression.replace("{$", '{cluster="$cluster"')
        target = prometheus.Dataquery().expr(expression).ref_id(ref_id).datasource(DATASOURCE)
        target = target.legend_format(self.legend or "__auto")
        if shape == "heatmap":
            return target.range().format(PromQueryFormat.HEATMAP).legend_format("{{le}}")
        if shape == "table":
            return target.instant().format(PromQueryFormat.TABLE)
        once = shape == "last" or RANGE in expression  # a figure for the whole range has no history
        return target.instant() if once else target.range()


def happened(counter: str, by: str) -> str:
    """How often a counter went up in each interval, exactly; `increase()` alone would turn 4 launches into 4.8.

    Where the interval begins before the counter's first sample, what it rose from then on counts. What was counted
    just before the counting program was restarted is not shown, which is better than a false spike.
    """
    exact = f"clamp_min({counter} - {counter} offset $__interval, 0)"
    since_first = f"max_over_time({counter}[$__interval]) - min_over_time({counter}[$__interval])"
    return f"sum by ({by}) ({exact} or {since_first})"


def targets(
    queries: tuple[Query, ...], shape: Literal["series", "last", "table", "heatmap"] = "series"
) -> list[prometheus.Dataquery]:
    """All queries of a panel."""
    return [query.target(ref_id, shape) for ref_id, query in zip(REF_IDS, queries, strict=False)]
