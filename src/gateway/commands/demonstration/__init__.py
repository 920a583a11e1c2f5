"""What `gateway demo` is made of: upstream, clients, scenes, figures, words for them."""
