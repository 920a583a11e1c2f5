"""Virtual keys and teams, and what a developer sees of their own."""
