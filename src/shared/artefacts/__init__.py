"""What stages leave for each other under a document's content hash; versioned like events."""
