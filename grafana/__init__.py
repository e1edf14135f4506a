"""Dashboards as code (`generate`), and what their queries return (`panel_data`).

For development only: what Grafana is given is the committed JSON in `dashboards/`.
"""
