"""Search's adapters: Qdrant Edge in a child process, SQLite, Kiwi and the Snowball stemmer."""
