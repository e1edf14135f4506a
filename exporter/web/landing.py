"""The landing page: what this is, who answers, and where to go."""

from __future__ import annotations

LANDING_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ray-watcher exporter</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; }
  h1 { font-size: 1.5rem; margin-bottom: .25rem; }
  p.what { color: #5b6b7b; margin-top: 0; }
  dl { display: grid; grid-template-columns: 12rem 1fr; gap: .35rem 1rem; padding: 1rem; background: #f4f7fa;
       border-left: 4px solid {{ "#2e7d32" if state else "#c62828" }}; border-radius: 4px; }
  dt { color: #5b6b7b; } dd { margin: 0; font-variant-numeric: tabular-nums; }
  a { color: #0b62a8; } code { background: #f4f7fa; padding: 0 .25rem; }
  ul.problems { color: #8a5300; }
</style>
</head>
<body>
<h1>ray-watcher exporter</h1>
<p class="what">The state of a Ray cluster as Prometheus metrics, and as JSON for the scaler.</p>
<dl>
  <dt>Cluster</dt><dd>{{ "answers" if state else "no source answers" }}</dd>
{%- if state %}
  <dt>Source</dt><dd>{{ state.source }}</dd>
  <dt>Age</dt><dd>{{ "%.1f" | format(view.age_seconds) }} s</dd>
  <dt>Living nodes</dt><dd>{{ state.alive | length }}</dd>
  <dt>Pending requests</dt><dd>{{ state.pending if state.demand_known else "not known to this source" }}</dd>
{%- endif %}
</dl>
{%- if view.problems %}
<p>{{ "Better sources that do not answer:" if state else "Why:" }}</p>
<ul class="problems">
{%- for source, problem in view.problems.items() %}
  <li><code>{{ source }}</code> {{ problem }}</li>
{%- endfor %}
</ul>
{%- endif %}
<ul>
  <li><a href="/metrics">/metrics</a> for Prometheus</li>
  <li><a href="/state">/state</a>, the same snapshot as JSON</li>
  <li><a href="/-/healthy">/-/healthy</a>: this program works</li>
  <li><a href="/-/ready">/-/ready</a>: a source answers</li>
</ul>
</body>
</html>
"""
