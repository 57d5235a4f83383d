"""What runs a model: ONNX Runtime, OpenVINO, sentence-transformers; what can run here, and how one is opened."""
