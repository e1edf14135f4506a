"""Capacity by schedule: when windows begin and end, and the policy that holds at a time."""
