"""`seoga eval`: how well questions are answered that somebody has judged, through the public API."""
