"""Fractional max pooling: torch's draws and its rule for where windows start; pools that always give positions."""

from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    FLOATS,
    SECOND,
    args,
    distinct,
    normal,
    ops,
    refuses,
    tied,
    uniform,
    values,
)

TWO, THREE = "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d"
# Distinct numbers, so that each window has one winner; a uniform number for each plane and dimension.
IMAGE, VOLUME = distinct(2, 3, 7, 6), distinct(2, 2, 6, 7, 5)


def samples(*shape: int) -> Any:
    """The uniform numbers that place the windows."""
    return uniform(*shape).fixed()


IMAGES = [
    args(IMAGE, kernel, output_size=size, _random_samples=samples(2, 3, 2))
    for kernel, size in ((2, 3), ((2, 3), (5, 4)), (1, 6), ((3, 1), (1, 2)), (2, (6, 5)), (4, (2, 2)))
]
IMAGES += [
    args(IMAGE, 2, output_ratio=(0.5, 0.7), _random_samples=samples(2, 3, 2)),
    args(distinct(3, 9, 8), 3, (4, 5), _random_samples=samples(1, 3, 2)),
    args(distinct(1, 2, 17, 33), 2, (11, 20), _random_samples=samples(2, 2, 2)),
    args(normal(0, 3, 7, 6), 2, 3, _random_samples=samples(0, 3, 2)),
]
VOLUMES = [
    args(VOLUME, kernel, output_size=size, _random_samples=samples(2, 2, 3))
    for kernel, size in ((2, 3), ((2, 3, 1), (4, 3, 3)), (1, 2), ((3, 1, 2), (1, 6, 3)))
]
VOLUMES += [
    args(VOLUME, 2, output_ratio=(0.5, 0.4, 0.5), _random_samples=samples(2, 2, 3)),
    args(VOLUME, 2, output_ratio=0.4, _random_samples=samples(2, 2, 3)),
    args(distinct(2, 6, 7, 5), 2, 3, _random_samples=samples(1, 2, 3)),
]
NAN = float("nan")
TIES = [
    args(tied(1, 2, 6, 6), 3, 3, _random_samples=samples(1, 2, 2)),
    args(values([[[NAN, 1.0, NAN, 2.0, NAN]]]), (1, 3), (1, 3), _random_samples=values([[[0.0, 0.0]]]).fixed()),
    args(values([[[-float("inf")] * 4] * 3]), 2, 2, _random_samples=samples(1, 1, 2)),
]


def drawn(torch: Any, x: Any, *parameters: Any, dims: int, **options: Any) -> Any:
    """Two pools with windows from a seed, their winners, and what is drawn next."""
    torch.manual_seed(12)
    pool = getattr(torch.nn.functional, f"fractional_max_pool{dims}d")
    both = getattr(torch.nn.functional, f"fractional_max_pool{dims}d_with_indices")
    found = [pool(x, *parameters, **options), both(x, *parameters, **options)]
    return found, pool(x, *parameters, return_indices=True, **options), torch.randint(1 << 24, (2,))


def layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer, its settings, state and text."""
    made = getattr(torch.nn, kind)(*arguments, **options)
    torch.manual_seed(3)
    settings = [made.kernel_size, made.output_size, made.output_ratio, made.return_indices]
    return made(x), settings, list(made.state_dict()), repr(made)


LAYERS = [
    args(IMAGE, kind="FractionalMaxPool2d", arguments=(2, 3)),
    args(IMAGE, kind="FractionalMaxPool2d", arguments=((2, 3),), output_ratio=(0.5, 0.6), return_indices=True),
    args(IMAGE, kind="FractionalMaxPool2d", arguments=(2,), output_size=(3, 2), _random_samples=samples(2, 3, 2)),
    args(VOLUME, kind="FractionalMaxPool3d", arguments=(2, 3)),
    args(VOLUME, kind="FractionalMaxPool3d", arguments=(2,), output_ratio=0.5, return_indices=True),
]


def refused_layer(torch: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer that cannot be made."""
    return getattr(torch.nn, kind)(*arguments, **options)


KINDS = ("FractionalMaxPool2d", "FractionalMaxPool3d")
REFUSED_LAYERS = [
    args(kind=kind, arguments=arguments, **options)
    for kind in KINDS
    for arguments, options in (((2,), {}), ((2, 3, 0.5), {}), ((2,), {"output_ratio": 1.5}))
]
X2, X3 = normal(2, 3, 7, 6), normal(2, 3, 5, 7, 6)
REFUSED = [
    *refuses(
        TWO,
        [
            args(X2, 2),
            args(X2, 2, output_ratio=0.5).naming("len", "float"),
            args(X2, 2, output_ratio=(0.5, 0.5, 0.5)),
            args(X2, 7, 3),
            args(X2, (2, 2, 2), 3),
            args(X2, 2, (3,)),
            args(X2, 2, (3, 3, 3)),
            args(X2, 3, (6, 3)),
            args(X2, 3, (3, 5)),
            args(normal(7, 6), 2, 3),
            args(normal(1, 2, 3, 7, 6), 2, 3).naming("3D", "4D", "[1, 2, 3, 7, 6]"),
            args(normal(2, 0, 7, 6), 2, 3),
            args(X2, 2, 3, _random_samples=samples(2, 3, 2).to("float64")),
            args(X2, 2, 3, _random_samples=samples(2, 3)),
            args(X2, 2, 3, _random_samples=samples(1, 3, 2)),
            args(X2, 2, 3, _random_samples=samples(2, 2, 2)),
            args(X2, 2, 3, _random_samples=samples(2, 3, 1)),
            args(X2, 2, 3, _random_samples=[1.0]),
            args([1.0], 2, 3).naming("list", "dim"),
            args([1.0], 2, 3, _random_samples=samples(1, 1, 2)),
            args(X2, "a", 3),
        ],
    ),
    *refuses(
        THREE,
        [
            args(X3, 2),
            args(X3, 2, output_ratio=(0.5, 0.5)).naming("index"),
            args(normal(5, 7, 6), 2, 3),
            args(X3, 2, (3, 3)),
            args(X3, (2, 2), 3),
            args(X3, 3, (4, 3, 3)),
            args(X3, 3, (3, 3, 3)),
            args(X3, 2, (3, 6, 3)),
            args(X3, 2, (3, 3, 5)),
            args(X3, 2, 3, _random_samples=samples(1, 3, 3)),
            args(X3, 2, 3, _random_samples=samples(2, 3, 2)),
        ],
    ),
    *refuses("fractional pool layer", REFUSED_LAYERS, program=refused_layer),
]
DRAWN = [
    args(IMAGE, 2, 3, dims=2),
    args(IMAGE, (2, 3), dims=2, output_ratio=(0.6, 0.5)),
    args(distinct(3, 9, 8), 2, 4, dims=2),
    args(VOLUME, 2, 3, dims=3),
    args(distinct(2, 6, 7, 5), 2, 3, dims=3),
]

SHAPES = {1: (2, 3, 7), 2: (2, 3, 7, 6), 3: (2, 2, 5, 4, 6)}
WITH_INDICES = [
    case
    for dims, shape in SHAPES.items()
    for name, rows in (
        ("max_pool", [args(distinct(*shape), 2), args(distinct(*shape), 3, 2, 1, 1, True, False)]),
        ("adaptive_max_pool", [args(distinct(*shape), 2), args(distinct(*shape), 3, return_indices=True)]),
    )
    for case in ops(f"nn.functional.{name}{dims}d_with_indices", rows, layouts=(), checks=CHECKS - {SECOND})
]

CASES = [
    *WITH_INDICES,
    *ops(TWO, IMAGES),
    *ops(TWO, IMAGES[:3], dtypes=FLOATS[1:], layouts=()),
    *ops(THREE, VOLUMES),
    *ops(THREE, VOLUMES[:2], dtypes=FLOATS[1:], layouts=()),
    *ops(TWO, TIES, exact=True, layouts=(), checks=CHECKS - {SECOND}),
    # The oracle would draw other windows; what is given its windows, above, has gradients compared.
    *ops("fractional pool", DRAWN, program=drawn, layouts=(), checks={BITS}),
    *ops("fractional pool layer", LAYERS, program=layer, layouts=(), checks={BITS}),
    *REFUSED,
]
