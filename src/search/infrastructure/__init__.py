"""Search's adapters: Qdrant Edge and Kiwi in child processes, SQLite, the Snowball stemmer."""
