"""Conversations in a relational database: SQLite in the data directory, PostgreSQL on a server."""
