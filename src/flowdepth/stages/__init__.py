"""The study's stages, in the order the data flows; each is one command."""
