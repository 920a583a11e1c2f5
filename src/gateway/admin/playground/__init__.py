"""A conversation with any model, through the gateway's own door."""
