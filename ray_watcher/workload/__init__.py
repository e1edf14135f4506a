"""Real Ray tasks for the cluster: the job, and the driver that runs in it."""
