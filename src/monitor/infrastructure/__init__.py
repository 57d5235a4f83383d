"""Adapters of Monitor: SQLite and MongoDB for what it keeps, psutil for the machine, mail and HTTP to tell people."""
