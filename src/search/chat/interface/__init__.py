"""Doors of asking: routes, the shapes of what they take and give, the command `ask`."""
