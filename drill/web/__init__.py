"""A person's hands and eyes in a browser."""
