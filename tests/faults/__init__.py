"""The running programs, broken on purpose, and what must hold all the same."""
