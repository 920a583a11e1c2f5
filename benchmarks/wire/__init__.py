"""The load tools: a provider and clients in C, fast enough not to be what is measured."""
