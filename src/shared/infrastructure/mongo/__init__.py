"""MongoDB behind one door: declared queries, facts inside documents, jobs, blobs in GridFS."""
