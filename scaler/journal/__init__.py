"""What was received, decided and done, in SQLite."""
