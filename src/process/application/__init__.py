"""What Process does, and what it needs for it."""
