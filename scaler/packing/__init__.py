"""Demand packed into worker types: how many workers of which type are needed. Pure."""
