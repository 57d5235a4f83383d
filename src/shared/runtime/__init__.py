"""What runs the modules: the plug, consumers, the relay, workers, child processes, errors, access."""
