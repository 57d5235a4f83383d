"""Search's doors: HTTP and events."""
