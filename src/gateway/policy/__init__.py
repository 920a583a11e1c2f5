"""What we decide: which targets, with which key. Pure: `now` and randomness are arguments."""
