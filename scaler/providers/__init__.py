"""Where workers run: each provider implements `scaler.ports.WorkerProvider` on its own, none imports another."""
