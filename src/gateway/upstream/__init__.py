"""I/O with providers: names, connections, HTTP, and the built-in model."""
