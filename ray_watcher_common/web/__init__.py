"""HTTP of exporter and scaler: one server, one set of limits, one kind of Flask application."""
