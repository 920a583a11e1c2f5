"""I/O with clients: sockets, HTTP/1.1, who has gone, the open calls."""
