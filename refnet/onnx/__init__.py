"""Export to ONNX: a model is run, its calls are noted, and each is translated to ONNX's operators.

>>> import refnet
>>> model = refnet.nn.Sequential(refnet.nn.Linear(4, 3), refnet.nn.ReLU())
>>> program = refnet.onnx.export(model, (refnet.ones(2, 4),), input_names=["x"], dynamic_axes={"x": {0: "batch"}})
>>> [(node.op_type, list(node.input)) for node in program.model_proto.graph.node]
[('Gemm', ['x', '0.weight', '0.bias']), ('Relu', ['0.Gemm'])]

The exporter is loaded when it is first used, so that `import refnet` stays short.
"""

from typing import TYPE_CHECKING, Any

from refnet.onnx._errors import OnnxExporterError as OnnxExporterError
from refnet.onnx._errors import TracerWarning as TracerWarning
from refnet.onnx._errors import UnsupportedOperatorError as UnsupportedOperatorError

if TYPE_CHECKING:
    from refnet.onnx._export import ONNXProgram as ONNXProgram
    from refnet.onnx._export import export as export

__all__ = ["ONNXProgram", "OnnxExporterError", "TracerWarning", "UnsupportedOperatorError", "export"]


def __getattr__(name: str) -> Any:
    if name not in ("ONNXProgram", "export"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from refnet.onnx import _export

    return getattr(_export, name)
