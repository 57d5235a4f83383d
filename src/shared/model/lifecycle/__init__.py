"""One model in this process: loaded once, swapped, unloaded, within a memory budget."""
