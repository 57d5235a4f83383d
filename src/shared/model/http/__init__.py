"""The models over HTTP: embeddings in OpenAI's shape, pictures, and an operator's verbs."""
