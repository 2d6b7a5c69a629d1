"""What everything may use, without torch."""
