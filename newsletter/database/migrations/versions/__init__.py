"""The migrations, oldest first; one change each, forward only."""
