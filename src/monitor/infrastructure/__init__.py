"""Adapters of Monitor: SQLite for journeys, psutil for the machine."""
