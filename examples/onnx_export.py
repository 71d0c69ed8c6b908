"""ONNX: hand a model to another runtime."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import refnet
from refnet import nn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

refnet.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(4 * 13 * 13, 10),
    nn.Softmax(1),
).eval()
images = refnet.rand(2, 1, 28, 28)

# The model runs once on an example; what it calls is written down. The batch size stays free.
path = folder / "model.onnx"
refnet.onnx.export(
    model, (images,), path, input_names=["images"], output_names=["p"], dynamic_axes={"images": {0: "batch"}}
)

# onnxruntime knows nothing of this engine, and computes the same, for batches of another size too.
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
for batch in (images, refnet.rand(5, 1, 28, 28)):
    (got,) = session.run(None, {"images": batch.numpy()})
    with refnet.no_grad():
        expected = model(batch).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    print(f"a batch of {len(batch)}: the largest difference is {np.abs(got - expected).max():.1e}")
