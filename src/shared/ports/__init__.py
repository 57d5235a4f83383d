"""What the modules need from the world. The docstrings are the promises; tests/contracts tests each."""
