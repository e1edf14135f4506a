"""The page that an operator keeps open: rendered here, kept current by small scripts that ask for what has changed."""
