"""Models: the ONNX Runtime door."""
