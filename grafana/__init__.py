"""Dashboards as code (`generate`), what their queries return (`queries`), and a picture of them (`preview`).

For development only: what Grafana is given is the committed JSON in `dashboards/`.
"""
