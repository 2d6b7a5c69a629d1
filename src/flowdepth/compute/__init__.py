"""Randomness, interruption and devices."""
