"""Blobs as files, local copies of blobs that lie elsewhere, and the keys that every BlobStore has."""
