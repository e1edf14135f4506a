"""Other names in PromQL: whole tokens, and nothing in strings."""

from __future__ import annotations

import pytest

from ray_watcher.mixin.promql import with_jobs, with_label, with_label_in_template


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param('x{cluster="a"}', 'x{ray="a"}', id="a selector"),
        pytest.param("max by (cluster, state) (x)", "max by (ray, state) (x)", id="an aggregation"),
        pytest.param("x and on(cluster) y", "x and on(ray) y", id="a matching of vectors"),
        pytest.param("cluster:x:max > 0", "cluster:x:max > 0", id="not the level of a recorded series"),
        pytest.param('x{job="cluster"}', 'x{job="cluster"}', id="not a value"),
        pytest.param('x{cluster=~"$cluster"}', 'x{ray=~"$cluster"}', id="not a variable of Grafana"),
        pytest.param("x{cluster_name='cluster \\' cluster'}", "x{cluster_name='cluster \\' cluster'}", id="not a part"),
        pytest.param("label_values(x, cluster)", "label_values(x, ray)", id="Grafana's own function"),
    ],
)
def test_a_label_is_renamed_where_it_is_one(expression: str, expected: str) -> None:
    assert with_label(expression, "cluster", "ray") == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('up{job="a"}', 'up{job="ns/a"}'),
        ('up{job=~"a|b|c", x="a"}', 'up{job=~"ns/a|b|d", x="a"}'),
        ('up{job!="a"} and up{other_job="a"}', 'up{job!="ns/a"} and up{other_job="a"}'),
    ],
)
def test_jobs_are_renamed_in_matchers_of_job(expression: str, expected: str) -> None:
    assert with_jobs(expression, {"a": "ns/a", "c": "d"}) == expected


def test_a_template_names_the_new_label() -> None:
    template = "{{ $labels.cluster }} {{ $labels.cluster_shape }} cluster"
    assert with_label_in_template(template, "cluster", "ray") == "{{ $labels.ray }} {{ $labels.cluster_shape }} cluster"
