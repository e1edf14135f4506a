"""The scaler's configuration: settings from the environment, worker types and limits from a policy file."""
