"""Figures, a family a module."""
