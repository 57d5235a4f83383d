"""What a document is: its identity, its names, and how far it has come. Plain Python."""
