"""Tests of what the clouds' adapters, modules and scenarios promise."""
