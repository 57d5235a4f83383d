"""What asking needs from the world."""
