"""Pages as pictures, drawn in child processes."""
