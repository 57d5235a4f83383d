"""How the schema of conversations came about, step by step."""
