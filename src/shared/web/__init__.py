"""The door for HTTP: serving, what stands before every route, API keys, errors as problem details."""
