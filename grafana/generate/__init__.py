"""Writes `grafana/dashboards/*.json`; `make golden` runs it."""
