"""Doors of the module: the events it listens to."""
