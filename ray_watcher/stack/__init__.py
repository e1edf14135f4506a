"""The four supervised programs: exporter, Prometheus, Alertmanager, scaler."""
