"""The tagger on ONNX Runtime."""
