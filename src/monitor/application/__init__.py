"""What Monitor can do, and what it needs for that."""
