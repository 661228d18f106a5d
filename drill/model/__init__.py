"""The pure core: what a drill is, what happened, and what follows from it. No clock, file, socket or logger."""
