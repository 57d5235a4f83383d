"""From weights to an ONNX graph, in a child process and without torch."""
