"""What `export` raises."""


class OnnxExporterError(RuntimeError):
    """A model cannot be exported, and why."""


class UnsupportedOperatorError(OnnxExporterError):
    """An operation has no translation to ONNX; the message names it and the module that called it."""


class TracerWarning(UserWarning):
    """The model read values of a tensor: what it does with them is not in the exported graph."""
