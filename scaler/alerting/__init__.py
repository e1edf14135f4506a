"""Alertmanager's side: the webhook's payload, and the list of alerts that is read again."""
