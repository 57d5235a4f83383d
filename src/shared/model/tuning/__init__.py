"""Which engine is fastest here: measured once for each machine and model, and remembered."""
