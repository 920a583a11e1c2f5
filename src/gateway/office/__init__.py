"""Puts together, from the configuration, what the admin's process holds; it knows no Quart."""
