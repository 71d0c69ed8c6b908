"""Exported models, run by onnxruntime and by ONNX's reference evaluator, under the harness's verdict.

A row builds the same model in refnet and in torch. The state is torch's; what the ONNX file computes is judged as an
implementation of torch's model, with the parameters among the inputs, so that the oracle runs in float64.
"""

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

import refnet
from conformance.api import assert_conforms

needs_onnxruntime = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime has no build for this platform"
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

Library = Any
Arrays = tuple[np.ndarray, ...]


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype("float32")


def tokens(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 10, shape)


class Row(NamedTuple):
    build: Callable[[Library], Any]
    args: Arrays
    other: Arrays | None = None  # arguments of other sizes
    axes: dict[str, Any] | None = None  # the dimensions that may differ
    evaluator: bool = True  # whether ONNX's reference evaluator has all the operators


def calls(function: Callable[[Library, Any], Any]) -> Callable[[Library], Any]:
    """A model that calls a function of its input."""

    def build(t: Library) -> Any:
        class Model(t.nn.Module):  # type: ignore[misc]
            def forward(self, input: Any) -> Any:
                return function(t, input)

        return Model()

    return build


def sequential(*layers: Callable[[Any], Any]) -> Callable[[Library], Any]:
    return lambda t: t.nn.Sequential(*[layer(t.nn) for layer in layers])


def lenet(t: Library) -> Any:
    nn = t.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def language_model(t: Library) -> Any:
    class Model(t.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = t.nn.Embedding(10, 8), t.nn.Embedding(20, 8)
            self.layer = t.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")

        def forward(self, input: Any) -> Any:
            length = input.shape[1]
            x = self.tokens(input) + self.places(t.arange(length))
            return self.layer(x, src_mask=t.nn.Transformer.generate_square_subsequent_mask(length))

    return Model()


BATCH = {"input": {0: "batch"}}
ACTIVATIONS = [
    "leaky_relu", "elu", "selu", "gelu", "hardtanh", "relu6", "hardsigmoid", "hardswish", "mish", "silu", "softplus",
    "logsigmoid", "softsign", "tanhshrink", "hardshrink", "softshrink", "relu", "sigmoid",
]  # fmt: skip

ROWS = {
    "lenet": Row(lenet, (floats(2, 1, 28, 28),), (floats(3, 1, 28, 28),), BATCH),
    "mlp": Row(
        sequential(
            lambda nn: nn.Linear(4, 8), lambda nn: nn.ReLU(inplace=True), lambda nn: nn.Dropout(),
            lambda nn: nn.Linear(8, 3), lambda nn: nn.LogSoftmax(-1),
        ),
        (floats(2, 4),), (floats(5, 4),), BATCH,
    ),
    "batch norm": Row(
        sequential(
            lambda nn: nn.Conv2d(3, 8, 3, stride=2, bias=False), lambda nn: nn.BatchNorm2d(8), lambda nn: nn.SiLU(),
            lambda nn: nn.AvgPool2d(2, ceil_mode=True), lambda nn: nn.AdaptiveAvgPool2d((3, 2)),
        ),
        (floats(2, 3, 13, 14),), (floats(3, 3, 13, 14),), BATCH,
    ),
    "batch norm without statistics": Row(
        lambda t: t.nn.BatchNorm1d(3, track_running_stats=False), (floats(4, 3),), (floats(6, 3),), BATCH
    ),
    "norms": Row(
        sequential(
            lambda nn: nn.InstanceNorm2d(4, affine=True), lambda nn: nn.LocalResponseNorm(3),
            lambda nn: nn.GroupNorm(2, 4), lambda nn: nn.LayerNorm([5, 6]), lambda nn: nn.RMSNorm(6),
        ),
        (floats(2, 4, 5, 6),), (floats(3, 4, 5, 6),), BATCH,
    ),
    "transposed": Row(
        lambda t: t.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, dilation=2),
        (floats(2, 4, 5, 6),), (floats(1, 4, 7, 3),), {"input": {0: "batch", 2: "height", 3: "width"}},
    ),
    "1-d": Row(
        sequential(
            lambda nn: nn.Conv1d(3, 4, 4, padding="same"), lambda nn: nn.GELU("tanh"),
            lambda nn: nn.MaxPool1d(3, 2, 1, ceil_mode=True), lambda nn: nn.AdaptiveMaxPool1d(3), lambda nn: nn.PReLU(4),
        ),
        (floats(2, 3, 10),), (floats(3, 3, 10),), BATCH,
    ),
    "3-d": Row(sequential(lambda nn: nn.Conv3d(1, 2, 2), lambda nn: nn.AvgPool3d(2)), (floats(1, 1, 5, 5, 6),)),
    "any size": Row(
        sequential(
            lambda nn: nn.Conv2d(3, 4, 3), lambda nn: nn.GroupNorm(2, 4), lambda nn: nn.AdaptiveAvgPool2d(1),
            lambda nn: nn.Flatten(), lambda nn: nn.Linear(4, 2),
        ),
        (floats(2, 3, 8, 8),), (floats(3, 3, 9, 11),), {"input": {0: "batch", 2: "height", 3: "width"}},
    ),
    "average that counts padding": Row(lambda t: t.nn.AvgPool2d(3, 2, 1, ceil_mode=True), (floats(2, 3, 8, 7),)),
    "average without padding": Row(
        lambda t: t.nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (floats(2, 3, 8, 7),)
    ),
    "average with a divisor": Row(lambda t: t.nn.AvgPool2d(3, 2, 1, divisor_override=5), (floats(2, 3, 8, 7),)),
    "powers": Row(lambda t: t.nn.LPPool2d(2, 3, 2), (floats(2, 3, 8, 7),)),
    "positions of maxima": Row(lambda t: t.nn.MaxPool2d(3, 2, 1, return_indices=True), (floats(2, 3, 8, 7),)),
    "lstm": Row(
        lambda t: t.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
        (floats(2, 5, 3),), (floats(3, 7, 3),), {"input": {0: "batch", 1: "time"}},
    ),
    "gru": Row(
        lambda t: t.nn.GRU(3, 4, 2),
        (floats(5, 2, 3), floats(2, 2, 4)), (floats(6, 3, 3), floats(2, 3, 4)),
        {"input": {0: "time", 1: "batch"}, "hx": {1: "batch"}},
    ),
    "rnn": Row(lambda t: t.nn.RNN(3, 4, nonlinearity="relu", bias=False), (floats(5, 2, 3),), evaluator=False),
    "lstm cell": Row(lambda t: t.nn.LSTMCell(3, 4), (floats(2, 3),), (floats(5, 3),), BATCH),
    "gru cell": Row(lambda t: t.nn.GRUCell(3, 4), (floats(2, 3), floats(2, 4))),
    "rnn cell": Row(lambda t: t.nn.RNNCell(3, 4), (floats(3),)),
    "attention": Row(
        lambda t: t.nn.MultiheadAttention(8, 2),
        (floats(5, 2, 8), floats(6, 2, 8), floats(6, 2, 8)), (floats(4, 3, 8), floats(7, 3, 8), floats(7, 3, 8)),
        {"query": {0: "targets", 1: "batch"}, "key": {0: "sources", 1: "batch"}, "value": {0: "sources", 1: "batch"}},
    ),
    "encoder": Row(
        lambda t: t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        (floats(2, 5, 8),), (floats(3, 7, 8),), {"src": {0: "batch", 1: "time"}},
    ),
    "language model": Row(language_model, (tokens(2, 5),), (tokens(3, 8),), {"input": {0: "batch", 1: "time"}}),
    "causal attention": Row(
        calls(lambda t, x: t.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)),
        (floats(2, 2, 5, 4),), (floats(3, 2, 7, 4),), {"input": [0, 2]},
    ),
    "bags": Row(lambda t: t.nn.EmbeddingBag(10, 4, mode="max"), (tokens(2, 5),), (tokens(4, 5),), BATCH),
    "activations": Row(
        calls(lambda t, x: tuple(getattr(t.nn.functional, name)(x) for name in ACTIVATIONS)), (4 * floats(3, 4),)
    ),
    "padding": Row(
        calls(lambda t, x: tuple(t.nn.functional.pad(x, (1, 2), mode=m) for m in ("constant", "reflect", "replicate"))),
        (floats(2, 3, 4),), (floats(3, 3, 6),), {"input": {0: "batch", 2: "length"}},
    ),
    "arithmetic": Row(
        calls(lambda t, x: (x + 1, 2 - x, x / 3, x**2, -x, (x > 0) & (x < 1), x.clamp(-0.5, 0.5), x.abs().log1p())),
        (floats(3, 4),),
    ),
    "reductions": Row(
        calls(lambda t, x: (x.sum(1), x.mean(), x.amax(0), x.std(1), x.logsumexp(1), x.norm(), x.cumsum(1), x.argmax(1))),
        (floats(3, 4),), (floats(5, 4),), BATCH,
    ),
    "shapes": Row(
        calls(
            lambda t, x: (
                x.t() @ x, x.flatten(), x[1:, ::2], x[-1], x[None, ..., 0], x.flip(1), t.cat([x, x], 1), x.tril(),
                x.reshape(-1, 2), x.unsqueeze(1).expand(-1, 3, 4), x.masked_fill(x > 0, 1.0), t.where(x > 0, x, 0 * x),
                x.topk(2)[0], x.sort(1)[1],
            )
        ),
        (floats(3, 4),), (floats(5, 4),), BATCH,
    ),
    "maxima": Row(
        calls(lambda t, x: (*x.max(1), *x.min(0, keepdim=True), t.maximum(x, -x), x.max())), (floats(3, 4),),
        (floats(5, 4),), BATCH,
    ),
    "more arithmetic": Row(
        calls(
            lambda t, x: (
                t.hypot(x, x + 1), t.logaddexp(x, -x), t.fmod(x, 0.7), t.remainder(x, 0.7), x.roll(1, 1), *t.var_mean(x, 1),
                t.nan_to_num(x / 0), (5 * x).int() % 3, (5 * x).int() // 2, t.expm1(x), t.exp2(x), x.round(), x.trunc(),
            )
        ),
        (floats(3, 4),),
    ),
    "other sizes": Row(
        calls(
            lambda t, x: tuple(
                t.nn.functional.interpolate(x, **how)
                for how in (
                    {"scale_factor": 2}, {"size": (5, 9)}, {"size": (5, 9), "mode": "nearest-exact"},
                    {"scale_factor": (1.5, 2.5), "mode": "bilinear"},
                    {"size": (5, 9), "mode": "bilinear", "align_corners": True},
                    {"size": (5, 9), "mode": "bicubic"}, {"size": (3, 2), "mode": "area"},
                )
            )
        ),
        (floats(2, 1, 6, 4),), (floats(3, 1, 6, 4),), BATCH,
    ),
    "parametrized": Row(
        lambda t: t.nn.Sequential(
            t.nn.utils.parametrizations.weight_norm(t.nn.Linear(4, 4)),
            t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(4, 4)),
            t.nn.utils.parametrizations.orthogonal(t.nn.Linear(4, 4)),
        ),
        (floats(2, 4),), (floats(3, 4),), BATCH,
    ),
    "written in place": Row(calls(lambda t, x: (x * 1).add_(1).mul_(x).clamp_(max=1.0)), (floats(3, 4),)),
}  # fmt: skip


def leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, tuple | list) else [value]


def both(row: Row) -> tuple[Any, Any]:
    """The model in torch and in refnet, with torch's state, in evaluation mode."""
    torch.manual_seed(0)
    theirs, ours = row.build(torch), row.build(refnet)
    with torch.no_grad():
        for buffer in theirs.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5)
    ours.load_state_dict({name: refnet.from_numpy(x.numpy()) for name, x in theirs.state_dict().items()})
    return theirs.eval(), ours.eval()


def exported(row: Row, ours: Any, **options: Any) -> Any:
    args = tuple(refnet.from_numpy(x) for x in row.args)
    return refnet.onnx.export(ours, args, dynamic_axes=row.axes, **options).model_proto


def judge(theirs: Any, args: Arrays, results: list[Any]) -> None:
    state = {name: x.detach().numpy() for name, x in theirs.state_dict().items()}
    floating = {name: x for name, x in state.items() if x.dtype.kind == "f"}

    def reference(*values: Any) -> Any:
        given, rest = values[: len(args)], values[len(args) :]
        parameters = dict(zip(floating, rest, strict=True))
        return tuple(leaves(torch.func.functional_call(theirs, parameters, given)))

    for position, result in enumerate(results):
        assert_conforms(result, reference, (*args, *floating.values()), output=position if len(results) > 1 else None)


def run_reference(proto: Any, args: Arrays) -> list[Any]:
    names = [value.name for value in proto.graph.input]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, about the infinities that the evaluator computes and discards
        return list(ReferenceEvaluator(proto).run(None, dict(zip(names, args, strict=True))))


def run_onnxruntime(proto: Any, args: Arrays) -> list[Any]:
    import onnxruntime

    names = [value.name for value in proto.graph.input]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(zip(names, args, strict=True))))


@needs_onnxruntime
@pytest.mark.parametrize("name", ROWS)
def test_onnxruntime_computes_what_torch_does(name: str) -> None:
    row = ROWS[name]
    theirs, ours = both(row)
    args = row.args if row.other is None else row.other
    judge(theirs, args, run_onnxruntime(exported(row, ours), args))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.evaluator])
def test_the_reference_evaluator_agrees_with_refnet(name: str) -> None:
    row = ROWS[name]
    _, ours = both(row)
    proto = exported(row, ours)
    onnx.checker.check_model(proto, full_check=True)
    for args in (row.args, row.other):
        if args is not None:
            with refnet.no_grad():
                expected = leaves(ours(*[refnet.from_numpy(x) for x in args]))
            for mine, found in zip(expected, run_reference(proto, args), strict=True):
                assert (mine.numpy().shape, mine.numpy().dtype) == (found.shape, found.dtype)
                np.testing.assert_allclose(found, mine.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("version", [18, 19, 21, 23])
def test_opset_versions(version: int) -> None:
    row = Row(sequential(lambda nn: nn.Linear(4, 4), lambda nn: nn.GELU(), lambda nn: nn.LayerNorm(4)), (floats(2, 4),))
    theirs, ours = both(row)
    proto = exported(row, ours, opset_version=version)
    assert proto.opset_import[0].version == version
    judge(theirs, row.args, run_reference(proto, row.args))


def test_names_and_file(tmp_path: Path) -> None:
    model = refnet.nn.Sequential(refnet.nn.Linear(4, 3), refnet.nn.BatchNorm1d(3)).train()
    file = tmp_path / "model.onnx"
    args = (refnet.ones(2, 4),)
    program = refnet.onnx.export(
        model, args, file, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}}
    )
    assert model.training and model[1].training
    graph = onnx.load(file).graph
    state = {name for name in model.state_dict() if name != "1.num_batches_tracked"}
    assert {x.name for x in graph.initializer} == state
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.output}
    assert ([v.name for v in graph.input], shapes) == (["x"], {"y": ["batch", 3]})
    assert program(*args)[0].shape == (2, 3)
    assert repr(program) == "ONNXProgram(x -> y, 2 nodes, 6 initializers)"


def test_dynamic_shapes_as_torch_spells_them() -> None:
    model, args = refnet.nn.Linear(4, 3), (refnet.ones(2, 4),)
    for shapes in (({0: "batch"},), {"input": {0: "batch"}}, (("batch", None),)):
        graph = refnet.onnx.export(model, args, dynamic_shapes=shapes).model_proto.graph
        assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_nothing_is_left_behind() -> None:
    before = (refnet.nn.functional.linear.__code__, refnet.nn.functional.linear.__kwdefaults__)
    with pytest.raises(refnet.onnx.UnsupportedOperatorError):
        refnet.onnx.export(calls(lambda t, x: t.erfinv(x))(refnet), refnet.ones(2))
    assert before == (refnet.nn.functional.linear.__code__, refnet.nn.functional.linear.__kwdefaults__)
    assert refnet.nn.functional.linear(refnet.ones(1, 2), refnet.ones(3, 2)).tolist() == [[2.0, 2.0, 2.0]]


def _nested(t: Library) -> Any:
    return t.nn.Sequential(t.nn.Linear(3, 3), t.nn.Sequential(t.nn.ReLU(), calls(lambda t, x: t.erfinv(x))(t)))


def _view_written(t: Library, x: Any) -> Any:
    y = x * 1
    y[0].add_(1)
    return y * 2


def _branching(t: Library, x: Any) -> Any:
    return x * 2 if x.shape[0] > 3 else x + 1


REFUSED = {
    "no translation": (_nested, (3, 3), {}, r"erfinv \(in module '1.1'\) has no translation"),
    "a written view": (calls(_view_written), (3, 3), {}, "written in place through a view"),
    "a branch on sizes": (calls(_branching), (3, 3), BATCH, "runs other operations"),
    "a lost value": (calls(lambda t, x: x * float(x.detach().numpy().max())), (3, 3), {}, "depends on the values"),
    "a size by halves": (calls(lambda t, x: x[: x.shape[0] // 2]), (4, 3), BATCH, "depends on the dynamic dimensions"),
    "packed": (lambda t: t.nn.LSTM(3, 4, proj_size=2), (5, 2, 3), {}, "proj_size has no ONNX operator"),
    "a written weight": (lambda t: t.nn.Embedding(5, 3, max_norm=1.0), None, {}, "max_norm writes into the weight"),
    "no tensor": (calls(lambda t, x: 3), (2,), {}, "the model returns no tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::refnet.onnx.TracerWarning")
def test_refused(name: str) -> None:
    build, shape, axes, message = REFUSED[name]
    x = refnet.tensor([0, 1]) if shape is None else refnet.from_numpy(floats(*shape))
    with pytest.raises(refnet.onnx.OnnxExporterError, match=message):
        refnet.onnx.export(build(refnet), (x,), dynamic_axes=axes)


def test_reading_values_warns() -> None:
    model = calls(lambda t, x: x if x.sum() > 0 else -x)(refnet)
    with pytest.warns(refnet.onnx.TracerWarning, match=r"item\(\) reads the values of a tensor of shape \[\]"):
        refnet.onnx.export(model, refnet.ones(2))
