"""What each program has when it starts: settings from the environment, its command line, its log."""
