"""Adapters of the ports of Ingest, technology first."""
