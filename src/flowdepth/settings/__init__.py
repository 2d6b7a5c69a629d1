"""What a study can say."""
