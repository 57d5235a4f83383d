"""Another Seoga server's model, over HTTP."""
