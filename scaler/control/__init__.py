"""State of the loop: actions in progress, recovery after a restart, the leader lease, the last view."""
