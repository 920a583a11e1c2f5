"""The operator's settings: the file, the environment, what was found; merged and checked."""
