"""Whom the scaler asks: the exporter for the cluster state, Ray to drain a node."""
