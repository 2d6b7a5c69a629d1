"""The flows, a module each."""
