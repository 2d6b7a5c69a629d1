"""Readers of data sets, a module each: `read` returns a `Source`."""
