"""Hours of a pretended cluster, in which `plan` decides: pure, seconds for an hour."""
