"""A person's hands at a terminal: commands, exit codes, progress."""
