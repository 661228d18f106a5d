"""The web side: what carriers push."""
