"""What the scaler is told: settings from the environment, worker types and limits from a policy file."""
