"""The plan: what is launched, drained, removed, held back, and why. Pure."""
