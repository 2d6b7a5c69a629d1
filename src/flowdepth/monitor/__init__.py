"""Where a study stands."""
