"""From a name to what the model sees."""
