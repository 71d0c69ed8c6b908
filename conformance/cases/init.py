"""Initial parameters, bit for bit: nn.init, and what every module with parameters starts from."""

import warnings
from typing import Any

import numpy

from conformance.cases import BITS, FLOATS, MEMORY_FORMAT, Case, args, normal, ops
from conformance.variant import NORMAL, PAIRS, TRUNCATED, UNIFORM

DRAWN = frozenset({BITS, MEMORY_FORMAT})
LIKE = normal(1).fixed()  # says the dtype
SHAPES = ((1, 1), (3, 5), (4, 4), (2, 9), (17, 3), (5, 3, 3), (4, 2, 3, 3), (2, 3, 2, 2, 2), (0, 4))


def silent(call: Any, *arguments: Any, **options: Any) -> Any:
    """The call without its warnings (an empty tensor has nothing to initialize)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments, **options)


def initialized(torch: Any, like: Any, *, init: str, **options: Any) -> dict[str, Any]:
    """init_(w) for weights of every rank, from the default generator and another one, contiguous and transposed."""
    fill = getattr(torch.nn.init, init)
    generator = torch.Generator(like.device)
    generator.manual_seed(12)
    results: dict[str, Any] = {}
    for shape in SHAPES if init != "sparse_" else [shape for shape in SHAPES if len(shape) == 2]:
        weight = torch.zeros(shape, dtype=like.dtype, requires_grad=True)
        results[f"{shape}"] = silent(fill, weight, **options)
        of_another = torch.zeros(shape, dtype=like.dtype)
        results[f"{shape} of another"] = silent(fill, of_another, generator=generator, **options)
    results["transposed"] = fill(torch.zeros(7, 5, dtype=like.dtype).t(), **options)
    results["gapped"] = fill(torch.zeros(6, 8, dtype=like.dtype)[:, ::2], **options)
    return results | {"state": generator.get_state()}


def constants(torch: Any, like: Any) -> dict[str, Any]:
    """What draws nothing: the stream stays where it is."""
    init, square, kernel = torch.nn.init, torch.ones(3, 4, dtype=like.dtype), torch.ones(4, 2, 3, dtype=like.dtype)
    return {
        "zeros": init.zeros_(square.clone()),
        "ones": init.ones_(square.clone() * 0),
        "constant": init.constant_(square.clone(), 0.3),
        "eye": init.eye_(square.clone()),
        "dirac": init.dirac_(kernel.clone(), 2),
    }


def orthogonal(torch: Any, like: Any, *, shape: tuple[int, ...], gain: float) -> dict[str, Any]:
    """orthogonal_: the draws are torch's bit for bit, and the result is the orthogonal factor of what was drawn.

    A = Q R of full rank, with a positive diagonal of R, has one Q. Householder's method gives that of a matrix A + E with
    |E|_F <= max(m, n) u |A|_F, and Q moves by no more than sqrt(2) k(A) |E|_F / |A|_2 (J. Sun, 1991), k(A) = |A|_2 |A^-1|_2.
    Libraries differ within that, so the distance to the Q of numpy at float64 is what is looked at.
    """
    generator = torch.Generator(like.device)
    generator.manual_seed(13)
    rows = shape[0]
    given = torch.Tensor.normal_(torch.zeros(rows, int(numpy.prod(shape[1:])), dtype=like.dtype), generator=generator)
    generator.manual_seed(13)
    made = torch.nn.init.orthogonal_(torch.zeros(shape, dtype=like.dtype), gain, generator=generator)
    a = given.cpu().numpy().astype(numpy.float64)
    a = a.T if a.shape[0] < a.shape[1] else a
    q, r = numpy.linalg.qr(a)
    q = q * numpy.sign(numpy.diag(r))
    found = made.detach().cpu().numpy().astype(numpy.float64).reshape(rows, -1) / gain
    found = found.T if found.shape[0] < found.shape[1] else found
    u = numpy.finfo(given.cpu().numpy().dtype).eps / 2
    singular = numpy.linalg.svd(a, compute_uv=False)
    bound = 2**0.5 * max(a.shape) * u * numpy.linalg.norm(a) / singular[-1]
    within = bool(numpy.linalg.norm(found - q) <= bound + u * numpy.linalg.norm(q))
    return {"drawn": given, "state": generator.get_state(), "shape": list(made.shape), "within": within}


INITS: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    ("uniform_", {}, ()),
    ("uniform_", {"a": -0.3, "b": 0.7}, (UNIFORM,)),
    ("normal_", {"mean": 0.1, "std": 0.02}, (NORMAL, PAIRS)),
    ("trunc_normal_", {}, (NORMAL, PAIRS, TRUNCATED)),
    ("trunc_normal_", {"std": 0.02}, (NORMAL, PAIRS, TRUNCATED)),
    ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 3.0}, (NORMAL, PAIRS, TRUNCATED)),
    ("trunc_normal_", {"a": 1.5, "b": 3.0}, (UNIFORM, TRUNCATED)),
    ("trunc_normal_", {"a": -0.1, "b": 0.2}, (UNIFORM, TRUNCATED)),
    ("xavier_uniform_", {}, (UNIFORM,)),
    ("xavier_uniform_", {"gain": 1.6}, (UNIFORM,)),
    ("xavier_normal_", {"gain": 0.5}, (NORMAL, PAIRS)),
    ("kaiming_uniform_", {}, (UNIFORM,)),
    ("kaiming_uniform_", {"a": 5**0.5}, (UNIFORM,)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}, (UNIFORM,)),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}, (NORMAL, PAIRS)),
    ("kaiming_normal_", {"nonlinearity": "tanh"}, (NORMAL, PAIRS)),
    ("sparse_", {"sparsity": 0.3}, (NORMAL, PAIRS)),
    ("sparse_", {"sparsity": 0.6, "std": 0.5}, (NORMAL, PAIRS)),
)

# --- modules --------------------------------------------------------------------------------------------------------


def built(torch: Any, like: Any, *positional: Any, module: str, **options: Any) -> dict[str, Any]:
    """All parameters and buffers as the constructor leaves them, in order; of a second one; and after a reset."""
    make = getattr(torch.nn, module)
    first, second = (silent(make, *positional, dtype=like.dtype, **options) for _ in range(2))
    results = {"first": dict(first.state_dict()), "second": dict(second.state_dict())}
    if hasattr(first, "reset_parameters"):
        silent(first.reset_parameters)
        results["reset"] = {name: x.clone() for name, x in first.state_dict().items()}
    return results


def lazily_built(torch: Any, x: Any, *positional: Any, module: str, **options: Any) -> dict[str, Any]:
    """Parameters of a lazy module, drawn when the first input says the sizes."""
    made = silent(getattr(torch.nn, module), *positional, **options)
    waits = torch.get_rng_state()
    made(x)
    return {"waits": waits, "parameters": dict(made.state_dict())}


MODULES: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("Linear", (5, 3), {}), ("Linear", (17, 33), {}), ("Linear", (4, 4), {"bias": False}), ("Linear", (1, 1), {}),
    ("Linear", (0, 3), {}), ("Bilinear", (3, 4, 5), {}), ("Bilinear", (2, 3, 1), {"bias": False}),
    ("Conv1d", (3, 4, 3), {}), ("Conv2d", (3, 4, 3), {}), ("Conv2d", (4, 6, (1, 3)), {"groups": 2}),
    ("Conv2d", (3, 2, 5), {"bias": False, "padding_mode": "circular"}), ("Conv3d", (2, 3, 2), {}),
    ("ConvTranspose1d", (3, 4, 3), {}), ("ConvTranspose2d", (4, 6, 3), {"groups": 2}), ("ConvTranspose3d", (2, 3, 2), {}),
    ("Embedding", (7, 5), {}), ("Embedding", (9, 16), {"padding_idx": 2}), ("EmbeddingBag", (7, 5), {}),
    ("RNN", (3, 4), {}), ("RNN", (3, 4, 2), {"bidirectional": True, "nonlinearity": "relu"}),
    ("LSTM", (3, 4), {}), ("LSTM", (5, 6, 2), {"bidirectional": True}), ("LSTM", (5, 6), {"proj_size": 2, "bias": False}),
    ("GRU", (3, 4, 2), {}), ("RNNCell", (3, 4), {}), ("LSTMCell", (3, 4), {"bias": False}), ("GRUCell", (3, 4), {}),
    ("MultiheadAttention", (8, 2), {}), ("MultiheadAttention", (8, 2), {"kdim": 3, "vdim": 5}),
    ("MultiheadAttention", (8, 4), {"add_bias_kv": True, "bias": False}),
    ("TransformerEncoderLayer", (8, 2, 16), {}), ("TransformerDecoderLayer", (8, 2, 16), {}),
    ("Transformer", (8, 2, 1, 1, 16), {}),
    ("PReLU", (3,), {}), ("BatchNorm1d", (3,), {}), ("BatchNorm2d", (3,), {"affine": False}), ("BatchNorm3d", (3,), {}),
    ("LayerNorm", ((3, 4),), {}), ("GroupNorm", (2, 4), {}), ("InstanceNorm2d", (3,), {"affine": True}),
    ("RMSNorm", (4,), {}), ("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10]), {}),
)  # fmt: skip
LAZY: tuple[tuple[str, tuple[Any, ...], tuple[int, ...]], ...] = (
    ("LazyLinear", (3,), (2, 5)), ("LazyConv1d", (4, 3), (2, 3, 7)), ("LazyConv2d", (4, 3), (2, 3, 5, 5)),
    ("LazyConv3d", (2, 2), (1, 2, 3, 3, 3)), ("LazyConvTranspose2d", (4, 3), (2, 3, 5, 5)),
)  # fmt: skip
OF_MODULES = (UNIFORM, NORMAL, PAIRS)


def cases() -> list[Case]:
    """Every function, every module."""
    found: list[Case] = []
    for init, options, streams in INITS:
        rows = [args(LIKE, init=init, **options)]
        found += ops("nn.init", rows, program=initialized, dtypes=FLOATS, checks=DRAWN, streams=streams)
    found += ops("nn.init of constants", [args(LIKE)], program=constants, dtypes=FLOATS, checks=DRAWN)
    shapes: tuple[tuple[int, ...], ...] = ((3, 3), (5, 2), (2, 7), (8, 3, 3), (16, 16), (20, 4))
    squares = [args(LIKE, shape=shape, gain=gain) for shape in shapes for gain in (1.0, 2**0.5)]
    found += ops("orthogonal", squares, program=orthogonal, dtypes=FLOATS[:2], checks=DRAWN, streams=(NORMAL, PAIRS))
    rows = [args(LIKE, *positional, module=module, **options) for module, positional, options in MODULES]
    found += ops("new module", rows, program=built, dtypes=FLOATS[:2], checks=DRAWN, streams=OF_MODULES)
    found += ops("new module", rows[:2], program=built, dtypes=FLOATS[2:], checks=DRAWN, streams=OF_MODULES)
    lazy = [args(normal(*shape).fixed(), *positional, module=module) for module, positional, shape in LAZY]
    return found + ops("new lazy module", lazy, program=lazily_built, checks=DRAWN, streams=OF_MODULES)


CASES = cases()
