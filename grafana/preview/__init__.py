"""Draws the dashboards from live data, without Grafana: `python -m grafana.preview --help`."""
