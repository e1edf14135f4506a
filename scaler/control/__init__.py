"""Between the loop and the world: actions in progress, recovery after a restart, the lease, the last view."""
