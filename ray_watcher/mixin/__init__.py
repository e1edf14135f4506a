"""Rules and dashboards as a mixin: copies of the shipped ones with other names, links and thresholds."""
