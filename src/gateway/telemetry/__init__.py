"""The taps: they watch and cannot change. A blocked sink never stops the service."""
