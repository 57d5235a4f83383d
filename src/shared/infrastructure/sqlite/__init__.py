"""One SQLite file for each module, and one for the event log."""
