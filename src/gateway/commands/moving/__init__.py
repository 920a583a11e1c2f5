"""Brings over what other gateways were told: their files, their keys. It changes nothing there."""
