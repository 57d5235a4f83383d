"""Adapters of the shared ports, technology first. A driver is imported only when its adapter is chosen."""
