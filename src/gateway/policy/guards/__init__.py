"""What guards look for in what is asked and answered, and what follows from it. Pure."""
