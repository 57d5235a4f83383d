"""What is done to a data directory from the command line: looking it over and mending it."""
