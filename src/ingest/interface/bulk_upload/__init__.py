"""Uploading many files through the API: found, sent eight at a time, then watched until each has its end."""
