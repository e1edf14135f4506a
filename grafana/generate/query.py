"""A PromQL query of a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
REF_IDS = "ABCDEFGH"
RANGE, RATE_INTERVAL = "$__range", "$__rate_interval"
CHOSEN = 'cluster=~"$cluster"'


@dataclass(frozen=True)
class Query:
    """An expression, in which `{$}` and `{$, …}` select the chosen clusters, and what its series are called."""

    expression: str
    legend: str = ""

    def target(self, ref_id: str, shape: Literal["series", "last", "table", "heatmap"]) -> prometheus.Dataquery:
        """The query as a panel takes it: over the time range, its last value, as a table, or as buckets."""
        expression = chosen(self.expression)
        target = prometheus.Dataquery().expr(expression).ref_id(ref_id).datasource(DATASOURCE)
        target = target.legend_format(self.legend or "__auto")
        if shape == "heatmap":
            return target.range().format(PromQueryFormat.HEATMAP).legend_format("{{le}}")
        if shape == "table":
            return target.instant().format(PromQueryFormat.TABLE)
        once = shape == "last" or RANGE in expression  # a figure for the whole range has no history
        return target.instant() if once else target.range()


def chosen(expression: str) -> str:
    """The expression with its `{$` filled in."""
    return expression.replace("{$", "{" + CHOSEN)


def total(metric: str, *labels: str, over: tuple[str, ...] = ()) -> str:
    """The sum over the clusters, and over the labels `over`, for each value of `labels`.

    `max` first: two exporters or scalers of one cluster report the same, which must not count twice.
    """
    each = ", ".join(("cluster", *labels, *over))
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{by} (max by ({each}) ({metric}))"


def increase(counter: str, by: str, span: str = RATE_INTERVAL) -> str:
    """How often a counter went up within `span`, for each value of the labels `by`.

    `increase()` extrapolates to the whole interval, as everywhere in Prometheus: one launch may show as 1.2.
    """
    return f"sum by ({by}) (increase({counter}[{span}]))"


def quantile(share: float, histogram: str, span: str, by: str = "") -> str:
    """A quantile of all that was observed within `span`, for each value of the label `by`."""
    return f"histogram_quantile({share:g}, {increase(histogram, f'{by}, le' if by else 'le', span)})"


def targets(
    queries: tuple[Query, ...], shape: Literal["series", "last", "table", "heatmap"] = "series"
) -> list[prometheus.Dataquery]:
    """All queries of a panel."""
    return [query.target(ref_id, shape) for ref_id, query in zip(REF_IDS, queries, strict=False)]
