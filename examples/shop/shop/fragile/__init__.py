"""The API with the usual mistakes. Each has a comment: MISTAKE."""
