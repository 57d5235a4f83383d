"""What searches see, in search.sqlite."""
