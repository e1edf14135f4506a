"""What exporter, scaler and command line share: reading settings, writing logs, serving HTTP."""
