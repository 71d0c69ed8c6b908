"""A kernel with a bug, as a candidate: the report says what is wrong with it.

Layer normalisation is y = (x - mean) / sqrt(var + eps). The function below adds eps outside of the root. On ordinary
numbers `allclose` sees nothing; where the variance is as small as eps, it is far off. The same from a shell, in this folder:

    conform run --candidate planted_bug --dtype float32
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Torch's arguments, numpy's arrays: that is all that a candidate has to be."""
    columns = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(columns, keepdims=True)
    deviation = numpy.sqrt((centred * centred).mean(columns, keepdims=True))
    out = centred / (deviation + numpy.asarray(eps, x.dtype))
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def main() -> None:
    """Compare this very file with torch, and look into the report."""
    from conformance.cli import main as conform

    with tempfile.TemporaryDirectory() as folder:
        chosen = ["--ops", "layer_norm", "--dtype", "float32", "--check", "output", "--workers", "1"]
        status = conform(["run", "--candidate", "planted_bug", *chosen, "--out", folder])
        summary = (Path(folder) / "summary.md").read_text(encoding="utf-8")
    causes = {line.removeprefix("- likely cause: ") for line in summary.splitlines() if "likely cause" in line}
    print("exit status:", status)
    print("likely causes:", *sorted(causes), sep="\n  ")
    assert status == 1
    assert "equals the result with eps outside the root: (x - mean)/(sqrt(var) + eps)" in causes


if __name__ == "__main__":
    main()
