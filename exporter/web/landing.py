"""The landing page: what is read, from where, how old it is, and where to go."""

from __future__ import annotations

LANDING_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ray-watcher exporter</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css?v={{ style_version }}">
</head>
<body>
<header class="top"><h1>ray-watcher exporter</h1></header>
<main>
<p class="quiet">The state of a Ray cluster as Prometheus metrics, and as JSON for the scaler.</p>
<div class="card level {{ "ok" if state else "act" }}">
<p><span class="badge {{ "ok" if state else "act" }}">{{ "OK" if state else "Problem" }}</span>
{{ "The cluster answers." if state else "No source answers." }}</p>
{%- if state %}
<dl class="facts">
  <dt>Source</dt><dd>{{ state.source }}</dd>
  <dt>Age</dt><dd>{{ "%.1f" | format(view.age_seconds) }} s</dd>
  <dt>Living nodes</dt><dd>{{ state.alive | length }}</dd>
  <dt>Pending requests</dt><dd>{{ state.pending if state.demand_known else "not known to this source" }}</dd>
</dl>
{%- endif %}
{%- if view.problems %}
<p>{{ "Better sources that do not answer:" if state else "Why:" }}</p>
<ul>
{%- for source, problem in view.problems.items() %}
  <li><code>{{ source }}</code> {{ problem }}</li>
{%- endfor %}
</ul>
{%- endif %}
</div>
<ul class="card plain">
  <li><a href="metrics">metrics</a> for Prometheus</li>
  <li><a href="state">state</a>, the same snapshot as JSON</li>
  <li><a href="-/healthy">healthy</a>: this program works</li>
  <li><a href="-/ready">ready</a>: a source answers</li>
</ul>
</main>
</body>
</html>
"""
