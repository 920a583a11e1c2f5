"""What Prometheus reads of all workers."""
