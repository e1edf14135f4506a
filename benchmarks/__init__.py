"""Each headline figure as one runnable comparison against a named peer, in the same run."""
