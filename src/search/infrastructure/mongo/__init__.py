"""What searches see, in MongoDB: records, chunks, labels, the index version, renewals."""
