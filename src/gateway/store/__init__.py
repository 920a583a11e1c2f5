"""I/O with what outlives a process: the store that several processes and machines share."""
