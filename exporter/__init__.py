"""Ray cluster state as Prometheus metrics and as JSON, read without importing Ray."""
