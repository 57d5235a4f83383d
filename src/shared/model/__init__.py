"""The ModelManager and its engines: the adapter behind ports/model.py."""
