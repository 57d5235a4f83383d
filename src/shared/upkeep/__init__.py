"""What is done to a data directory from the command line: it is copied, put back, looked over and mended."""
