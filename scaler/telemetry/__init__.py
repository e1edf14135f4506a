"""Metrics, and how long each stage of a scale-up took."""
