"""What asking can do, and what it needs."""
