"""Who comes in to the operator's site, and as whom."""
