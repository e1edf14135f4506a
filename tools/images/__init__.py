"""Container images made on a Debian machine, without a registry."""
