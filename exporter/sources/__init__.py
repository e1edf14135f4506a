"""Where the state of the Ray cluster comes from: a chain of sources, the best first."""
