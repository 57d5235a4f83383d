"""The doors of Ingest: HTTP and events."""
