"""This host: processes that outlive their starter, locks, and private directories."""
