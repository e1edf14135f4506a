"""Output of the command line: tables, plots, plans, explanations."""
