"""A model's own files: where they lie, what they say, its tokens, and what is built from them."""
