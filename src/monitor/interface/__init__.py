"""How Monitor is reached: HTTP, events, commands."""
