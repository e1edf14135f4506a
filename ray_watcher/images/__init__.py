"""Container images made on this machine, without a registry."""
