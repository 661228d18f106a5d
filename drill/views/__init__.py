"""Renders facts for people and machines: HTML, terminal, JSON."""
