"""Two regions as real processes on loopback: databases, shops, DNS and a phone."""
