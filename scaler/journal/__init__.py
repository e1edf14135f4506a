"""Received alerts, decisions and actions, in SQLite."""
