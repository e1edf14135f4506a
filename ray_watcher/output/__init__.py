"""What the command line prints: tables, plots, plans, explanations."""
