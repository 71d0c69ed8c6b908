"""Normalization of each sample: layer, RMS, group and instance norm, local response norm, vectors of norm 1."""

from typing import Any

from conformance.cases import (
    CHANNELS_LAST,
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    HALVES,
    LAYOUTS,
    SECOND,
    SIZES,
    TRANSPOSED,
    Arguments,
    Case,
    Draw,
    args,
    distinct,
    filled,
    normal,
    ops,
    positive,
    refuses,
    values,
)

# Repeated rows have no variance along dimension 0: there a gradient is rounding only.
STRIDED = (TRANSPOSED, GAPPED, CHANNELS_LAST)
LAYER, RMS, GROUP, INSTANCE = (f"nn.functional.{name}_norm" for name in ("layer", "rms", "group", "instance"))
RESPONSE, UNIT = "nn.functional.local_response_norm", "nn.functional.normalize"

# --- layer norm ---------------------------------------------------------------------------------------------------

LAYERS = [args(normal(3, n), [n], positive(n), normal(n)) for n in SIZES[2:]]
LAYERS += [
    args(normal(2, 3, 4), (4,)),
    args(normal(2, 3, 4), (3, 4), positive(3, 4), normal(3, 4)),
    args(normal(2, 3, 4), (2, 3, 4), positive(2, 3, 4)),
    args(normal(2, 3, 4), [4], None, normal(4)),
    args(normal(2, 3, 4), [4], positive(4), normal(4), 0.1),
    args(normal(2, 3, 4), [4], eps=1.0),
    args(normal(5), [5], positive(5), normal(5)),
    args(normal(4, 6, offset=30), [6], positive(6), normal(6)),
    args(normal(4, 6, scale=1e-3), [6]),
]
NOTHING = [args(normal(0, 3), [3], positive(3), normal(3)), args(normal(3, 0), [0])]
# Parameters at float32 beside an input of a half type.
BESIDE_HALVES = [args(normal(4, 3), [3], positive(3).to("float32"), normal(3).to("float32"))]

LAYER_ERRORS = refuses(
    LAYER,
    [
        args(normal(2, 3), [2]).naming("normalized_shape=[2]", "[2, 3]"),
        args(normal(2, 3), []),
        args(normal(2, 3), 3),
        args(normal(3), [2, 3]).naming("normalized_shape=[2, 3]", "[3]"),
        args(normal(), [1]),
        args(normal(2, 3), [3], normal(2)),
        args(normal(2, 3), [3], None, normal(2)),
        args(normal(2, 3), [3], [1.0] * 3),
        args([1.0], [1]),
        args(normal(2, 3), [3], eps="small"),
        args(normal(2, 3).to("int64"), [3]).naming("LayerNorm", "Long"),
        args(normal(2, 3).to("int16"), [3], normal(3)),
        args(normal(2, 3).to("int64"), [3], normal(3)),
        args(normal(2, 3), [3], normal(3).to("float64")),
        args(normal(2, 3), [3], normal(3).to("float16")),
        args(normal(2, 3).to("float16"), [3], normal(3).to("float64")),
        args(normal(2, 3).to("float16"), [3], normal(3).to("float16"), normal(3).to("float32")),
    ],
)

# --- RMS norm -----------------------------------------------------------------------------------------------------

ROOTS = [args(normal(3, n), [n], positive(n)) for n in SIZES[1:]]
ROOTS += [
    args(normal(2, 3, 4), (4,)),
    args(normal(2, 3, 4), (3, 4), positive(3, 4), 0.1),
    args(normal(2, 3, 4), [4], eps=1e-5),
    args(normal(4, 6, scale=1e-4), [6], eps=2.0**-23),
    args(normal(4, 6, offset=30), [6], positive(6)),
]


def default_eps(torch: Any, x: Any) -> Any:
    """Numbers so small that eps shows, at float32 also in the oracle: the default depends on the precision."""
    return torch.nn.functional.rms_norm(x.float(), [6])


ROOT_ERRORS = refuses(
    RMS,
    [
        args(normal(2, 3), [2]).naming("normalized_shape=[2]", "[2, 3]"),
        args(normal(2, 3), []),
        args(normal(2, 3), 3),
        args(normal(2, 3), [3], normal(2)),
        args([1.0], [1]),
        args(normal(2, 3).to("int64"), [3]).naming("rms_norm", "Long"),
    ],
)

# --- group norm ---------------------------------------------------------------------------------------------------

GROUPS = [args(normal(2, 4, n), 2, positive(4), normal(4)) for n in SIZES[1:]]
GROUPS += [
    args(normal(2, 4), 2),
    args(normal(3, 6, 2, 2), 3, positive(6), normal(6)),
    args(normal(2, 6, 2, 3, 2), 2, positive(6), normal(6)),
    args(normal(2, 4, 5), 1, positive(4)),
    args(normal(2, 4, 5), 4, None, normal(4)),
    args(normal(2, 4, 5), 2, positive(4), normal(4), 0.1),
    args(normal(2, 4, 5, offset=30), 2),
]
GROUP_ERRORS = refuses(
    GROUP,
    [
        args(normal(2, 4, 3), 3),
        args(normal(2, 4, 3).to("int64"), 2, normal(4)),
        args(normal(2, 4, 3), 0).naming("zero"),
        args(normal(2, 4, 3), -1),
        args(normal(2, 4, 3), 2, normal(3)),
        args(normal(2, 4, 3), 2, None, normal(3)).naming("bias", "vector", "[2, 4, 3]"),
        args(normal(4), 2),
        args(normal(1, 4), 4),
        args([1.0], 2).naming("list", "dim"),
        args(normal(2, 4, 3).to("int64"), 2).naming("GroupNorm", "Long"),
        args(normal(2, 4, 3), 2, normal(4).to("float64")),
        args(normal(2, 4, 3).to("float16"), 2, normal(4).to("float16"), normal(4).to("float32")),
    ],
)

# --- instance norm ------------------------------------------------------------------------------------------------


def running(channels: int) -> tuple[Draw, Draw]:
    """A running mean and variance, which instance norm moves."""
    return normal(channels).fixed(), positive(channels).fixed()


INSTANCES = [args(normal(*shape)) for shape in ((2, 3, 5), (2, 3, 4, 5), (2, 3, 2, 2, 2), (1, 1, 2))]
INSTANCES += [
    args(normal(2, 3, 5), *running(3), positive(3), normal(3)),
    args(normal(2, 3, 5), *running(3), positive(3), normal(3), False),
    args(normal(2, 3, 1), *running(3), use_input_stats=False),
    args(normal(2, 3, 4, 2), *running(3), momentum=0.7, eps=0.1),
    args(normal(2, 3, 5), None, None, positive(3), None),
    args(normal(2, 3, 5), weight=None, bias=normal(3)),
    args(normal(2, 3, 5), eps=0.0),
]
INSTANCE_ERRORS = refuses(
    INSTANCE,
    [
        args(normal(2, 3, 1)).naming("spatial", "2, 3, 1"),
        args(normal(2, 3)).naming("spatial", "2, 3"),
        args(normal(2, 3, 5), weight=normal(2)),
        args(normal(2, 3, 5), bias=normal(4)),
        args(normal(2, 3, 5), normal(2), positive(2)),
        args(normal(2, 3, 5), normal(3), None),
        args(normal(2, 3, 5), use_input_stats=False),
        args(normal(2, 3, 5), normal(3), None, use_input_stats=False),
        args(normal(2, 3, 5).to("int64")).naming("batch_norm", "Long"),
        args([1.0]).naming("list", "size"),
        args(normal(2, 3, 5), momentum=None),
        args(normal(2, 3, 5), weight=normal(3).to("float64")),
    ],
)

# --- by neighbours and by norms -----------------------------------------------------------------------------------

RESPONSES = [args(normal(2, channels, 3), size) for channels, size in ((5, 3), (5, 2), (5, 1), (2, 5), (1, 3), (4, 4))]
RESPONSES += [
    args(normal(2, 5, 3, 2), 3, 1.0, 0.5, 2.0),
    args(normal(1, 4, 2, 2, 2), 2, alpha=0.5),
    args(normal(1, 3, 2, 1, 2, 2), 3, alpha=0.5, beta=1.5, k=0.5),
    args(normal(0, 4, 3), 2),
]
RESPONSE_ERRORS = refuses(
    RESPONSE,
    [
        args(normal(2, 4), 2).naming("3D", "2"),
        args(normal(2, 4, 3), 0).naming("kernel", "0"),
        args(normal(2, 4, 3), 2.5).naming("int", "float"),
        args([1.0], 2).naming("list", "dim"),
    ],
)

UNITS = [args(normal(3, n)) for n in SIZES[1:]]
UNITS += [args(normal(2, 3, 4), dim=d) for d in (0, -1, (0, 2))] + [
    args(normal(5), dim=0),
    args(normal(3, 4), p=3.0),
    args(distinct(3, 4), p=1.0),
    args(distinct(3, 4), p=float("inf")),
    args(normal(3, 4), eps=10.0),
    args(normal(3, 4), 2.0, 0, 3.0),
]
UNIT_ERRORS = refuses(
    UNIT,
    [
        args(normal(3)),
        args(normal(3, 4).to("int64")).naming("norm", "Long"),
        args([1.0]).naming("list", "norm"),
    ],
)


def into_out(torch: Any, x: Any) -> Any:
    """`normalize` with out=."""
    out = torch.empty_like(x)
    return torch.nn.functional.normalize(x, out=out), out


# --- layers -------------------------------------------------------------------------------------------------------


def layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer in training, with parameters that differ from 1 and 0, then in evaluation: results, state, text."""
    made = getattr(torch.nn, kind)(*arguments, dtype=x.dtype, **options)
    first = made(x)  # a lazy layer learns its sizes here
    start = [p.detach().clone() for p in made.parameters()]
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.linspace(-0.5, 0.5, p.numel(), dtype=x.dtype).reshape(p.shape))
    second = made(x * 2 + 1)
    state = {name: value.detach() for name, value in made.state_dict().items()}
    return [first, second, made.eval()(x)], start, state, list(state), repr(made)


def parameterless(torch: Any, x: Any, *, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A local response norm layer."""
    made = torch.nn.LocalResponseNorm(*arguments, **options)
    return made(x), repr(made)


def refused_layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer that cannot be made, or does not take this input."""
    return getattr(torch.nn, kind)(*arguments, **options)(x)


def old_state(torch: Any, x: Any) -> Any:
    """Loading running statistics, of a state without a version, into an instance norm that keeps none."""
    made = torch.nn.InstanceNorm1d(3)
    return made.load_state_dict({"running_mean": torch.zeros(3), "running_var": torch.ones(3)})


OF_SAMPLES: list[Arguments] = [
    args(normal(2, 3, 4), kind="LayerNorm", arguments=(4,)),
    args(normal(2, 3, 4), kind="LayerNorm", arguments=([3, 4],), eps=0.1),
    args(normal(2, 3, 4), kind="LayerNorm", arguments=((4,), 1e-3, False)),
    args(normal(2, 3, 4), kind="LayerNorm", arguments=(4,), bias=False),
    args(normal(2, 3, 4), kind="RMSNorm", arguments=(4,)),
    args(normal(2, 3, 4), kind="RMSNorm", arguments=([3, 4], 0.1)),
    args(normal(2, 3, 4), kind="RMSNorm", arguments=(4,), elementwise_affine=False),
    args(normal(2, 4, 3), kind="GroupNorm", arguments=(2, 4)),
    args(normal(2, 4, 3), kind="GroupNorm", arguments=(2, 4, 0.1, False)),
    args(normal(2, 4, 3), kind="GroupNorm", arguments=(4, 4), bias=False),
    args(normal(2, 3, 5), kind="InstanceNorm1d", arguments=(3,)),
    args(normal(3, 5), kind="InstanceNorm1d", arguments=(3,), affine=True),
    args(normal(2, 3, 4, 5), kind="InstanceNorm2d", arguments=(3, 0.1, 0.3), affine=True, track_running_stats=True),
    args(normal(3, 4, 5), kind="InstanceNorm2d", arguments=(3,), track_running_stats=True, momentum=None),
    args(normal(2, 3, 2, 2, 2), kind="InstanceNorm3d", arguments=(3,), affine=True, bias=False),
]
LAZY = [
    args(normal(2, 3, 5), kind="LazyInstanceNorm1d"),
    args(normal(2, 3, 4, 5), kind="LazyInstanceNorm2d", affine=False),
    args(normal(2, 3, 2, 2, 2), kind="LazyInstanceNorm3d", track_running_stats=False),
]
REFUSED = [
    args(normal(2, 3), kind="GroupNorm", arguments=(3, 4)),
    args(normal(3), kind="InstanceNorm1d", arguments=(3,)),
    args(normal(2, 3), kind="InstanceNorm2d", arguments=(3,)),
    args(normal(2, 3), kind="InstanceNorm3d", arguments=(3,)),
    args(normal(2, 4, 4), kind="InstanceNorm1d", arguments=(3,), affine=True),
    args(normal(2, 3), kind="LayerNorm", arguments=(4,)).naming("[4]", "[2, 3]"),
]


def cases() -> list[Case]:
    """Every norm at every dtype and vector width, with its errors; then the layers."""
    found: list[Case] = []
    for name, rows in ((LAYER, LAYERS), (RMS, ROOTS), (GROUP, GROUPS), (INSTANCE, INSTANCES), (RESPONSE, RESPONSES)):
        found += ops(name, rows, layouts=STRIDED)
        # Of volumes at the half types torch has no mean, hence no local response norm.
        found += ops(name, RESPONSES[:4] if name == RESPONSE else rows[-7:-3], dtypes=FLOATS[1:], layouts=())
    found += ops(LAYER, NOTHING, layouts=STRIDED[:2])
    found += ops(LAYER, BESIDE_HALVES, dtypes=HALVES, layouts=(), checks=CHECKS - {SECOND})
    found += ops(UNIT, UNITS, layouts=STRIDED) + ops(UNIT, UNITS[:1] + UNITS[-6:], dtypes=FLOATS[1:], layouts=())
    # Where the norm is below eps, and where it is 0.
    found += ops("default eps", [args(normal(4, 6, scale=1e-4))], program=default_eps, checks=FORWARD)
    found += ops(UNIT, [args(values([[0.0, 0.0], [3.0, 4.0]])), args(filled(2, 3, value=1e-14))], checks=FORWARD)
    found += ops("normalize into out", [args(normal(3, 4).fixed())], program=into_out, checks=FORWARD - {LAYOUTS})
    found += [*LAYER_ERRORS, *ROOT_ERRORS, *GROUP_ERRORS, *INSTANCE_ERRORS, *RESPONSE_ERRORS, *UNIT_ERRORS]
    found += ops("norm layer", OF_SAMPLES, program=layer, layouts=(), checks=CHECKS - {SECOND})
    found += ops("norm layer", LAZY, program=layer, layouts=(), checks=CHECKS - {SECOND})
    responses = [args(normal(2, 4, 3), arguments=(2,)), args(normal(2, 4, 3, 2), arguments=(3, 0.5), beta=0.5, k=2.0)]
    found += ops("response norm layer", responses, program=parameterless, layouts=(), checks=CHECKS - {SECOND})
    found += refuses("norm layer", REFUSED, program=refused_layer)
    found += refuses(
        "state with running statistics", [args(normal(1)).naming("running", "track_running_stats")], program=old_state
    )
    return found


CASES = cases()
