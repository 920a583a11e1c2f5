"""The operator's side: a process of its own that asks the workers, and never carries a call."""
