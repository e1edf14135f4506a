
Failed to find the key