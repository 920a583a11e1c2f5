"""How the gateway is, and what it is set to."""
