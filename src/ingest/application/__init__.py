"""What Ingest can do, one file per capability, and the ports it needs for that."""
