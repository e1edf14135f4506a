"""Policies and rules tried on what was recorded."""
