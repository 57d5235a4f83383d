"""Rules of asking: plain Python."""
