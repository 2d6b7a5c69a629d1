"""What makes a result this study's, without torch."""
