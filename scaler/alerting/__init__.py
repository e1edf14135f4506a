"""Alertmanager: the payload of its webhook, and its list of alerts, which is read regularly."""
