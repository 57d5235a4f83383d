"""Tables as grids: how cells with spans become rows, and which rows are headers."""
