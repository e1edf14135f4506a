"""What the scaler serves: the webhook, the status page, the API, metrics and health."""
