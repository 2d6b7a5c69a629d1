"""Numbers: packs' files to the study's tables."""
