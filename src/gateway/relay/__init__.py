"""The corridor: the story of one call, from the client's request to the provider's last word."""
