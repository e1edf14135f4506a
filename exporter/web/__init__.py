"""The HTTP pages of the exporter."""
