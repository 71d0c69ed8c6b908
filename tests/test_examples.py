"""Every example runs as a user runs it, prints the values it is there for, and draws its figures."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PNG = b"\x89PNG\r\n\x1a\n"

# Example -> what it has to print (regular expressions, in this order) and the files it has to write. Each example checks
# more than that itself, with asserts.
EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "tensors": (["must be an array, not int", r"0-d squared: tensor\(9\.\)"], []),
    "functions": (["value: 1.648721270700128\n", r"gradient: tensor\(3\.2974, ", r"20,000 steps deep: 3\.0 tensor\(1\."], []),
    "gradient_checks": ([r"by differences: 3\.29744", "by backward:    3.297442541400256\n", "found: Jacobian mismatch"], []),
    "higher_order": ([r"sin'' = -sin: \[0\.1411, 0\.9093", r"step 1: x = 1\.4545454", r"ends at 1\.0\n"], []),
    "modules": ([r"\['p3', 'l1\.p1', 'l1\.p2', 'l2\.0\.p1'", "weights.npz holds", 'Missing key.*"l1.p1"'], ["weights.npz", "weights.safetensors"]),
    "lazy_layers": (["before:.*LazyConv2d.*LazyLinear", "after: .*'Conv2d'.*'Linear'", "im2col gives the same"], []),
    "sine_mlp": ([r"loss at the end: 0\.00"], ["sine_mlp.png"]),
    "optimizers": ([r"w after five steps: \[-0\.58042", r"the step has length 1\.0000"], []),
    "operations": ([r"\('forward', \(4, 3\), \(4, 2\)\)", r"Careless.* got shape \[4, 2\].* \[4, 3\]"], []),
    "losses": ([r"times 2\.0000"], []),
    "trainer": ([r"stopped after epoch \d+; the best was epoch \d+", "to the last bit"], []),
    "backpropagation": (
        [r"error: 0\.298371109\n", r"w5: 0\.35891648, w1: 0\.149780716\n", r"text's: 0\.291027924\n", r"10,000: 0\.0000351085\n"],
        [],
    ),
    "shapes": ([r"images\.permute\(0, 2, 3, 1\) +\(2, 4, 5, 3\)", "view size is not compatible"], []),
    "recurrent": (["the LSTM layer is its cell", "RNN .*differs from torch's by", "Conv3d .*differs from torch's by"], []),
    "onnx_export": (["a batch of 2: the largest difference is", "a batch of 5: the largest difference is"], ["model.onnx"]),
    "linear_regression": ([r"for 4 it gives 7\.9989\n", r"for scores 73, 80, 75: 151\.23, "], []),
    "convolution": ([r"output: \(2, 4, 4, 3\)", "multiply-accumulates: 2592\n", r"LeNet-5: \{'conv': 405600, 'affine': 10920\}"], []),
    "convolution_timing": (["1x1x3x3", r"naive +\d", r"im2col +\d", r"fast +\d", r"torch +\d", "64x16x5x5", r"fast +\d", r"torch +\d"], []),
    "pooling": ([r"maxima:  \[5\.0, 7\.0, 13\.0, 15\.0\]", r"winners: \[5, 7, 13, 15\]", r"means:   \[2\.5, 4\.5, 10\.5, 12\.5\]"], []),
    "plot_activations": ([r"linear: \[\[-1\.0, 2\.5, -4\.0\]\]", "drawn: ReLU.*LeakyReLU.*sigmoid.*tanh"], ["activations.png"]),
    "planted_bug": (["FAIL nn.functional.layer_norm", "exit status: 1", "eps outside the root"], []),
    "shallow_network": ([r"epoch 0: loss 0\.1365", r"after 100 epochs: loss 0\.0966"], []),
    "lenet5": (["2,000 images", r"dropout 0\.3: test accuracy", "no dropout: test accuracy", "this engine and torch: .* apart"], ["lenet5.png"]),
}  # fmt: skip


def test_every_example_is_tested_and_listed() -> None:
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert files == set(EXPECTED)
    listed = re.findall(r"\]\((\w+)\.py\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert files == set(listed)


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str, tmp_path: Path) -> None:
    lines, files = EXPECTED[name]
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    position = 0
    for line in lines:
        found = re.compile(line).search(done.stdout, position)
        assert found, f"expected {line!r} in the rest of the output:\n{done.stdout[position:]}"
        position = found.end()
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    for path in tmp_path.glob("*.png"):
        content = path.read_bytes()
        assert content.startswith(PNG) and len(content) > 5_000


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_use_public_names_only(path: Path) -> None:
    """And are short: what does not fit a screen or two is no example."""
    source = path.read_text(encoding="utf-8")
    private = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
    ]
    imported = re.findall(r"^(?:from|import) +\S*\._\w+", source, re.MULTILINE)
    assert not private and not imported
    assert len(source.splitlines()) <= 100
