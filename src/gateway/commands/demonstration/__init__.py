"""What `gateway demo` is made of: an upstream, clients that leave, scenes, figures, a way to print."""
