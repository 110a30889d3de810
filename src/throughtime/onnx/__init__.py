"""Runs as ONNX graphs, for whatever runs ONNX."""

from throughtime.extras import require

require("onnx", "onnx")
