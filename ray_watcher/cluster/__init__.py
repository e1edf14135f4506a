"""Ray heads: processes or containers on this host."""
