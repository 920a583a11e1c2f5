"""What runs now, as a page and for programs."""
