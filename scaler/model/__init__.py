"""The words and rules that all else speaks: demand, nodes, workers, alerts, policy, decisions. Pure."""
