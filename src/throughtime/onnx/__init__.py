"""Models as ONNX graphs, for whatever runs ONNX.

import throughtime.onnx

throughtime.onnx.export(run, "runs/mine/onnx")
"""

from throughtime.exchange.package import Exported
from throughtime.extras import require

require("onnx", "onnx")
require("onnxruntime", "onnx")

from throughtime.onnx.graph import sequence_graph, step_graph  # noqa: E402
from throughtime.onnx.verify import TOLERANCE  # noqa: E402
from throughtime.onnx.write import export  # noqa: E402

__all__ = ["TOLERANCE", "Exported", "export", "sequence_graph", "step_graph"]
