"""Rules of journeys and of the numbers shown; plain Python."""
