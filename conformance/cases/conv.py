"""Convolutions and transposed convolutions: every argument in one to three dimensions, layers, and what is refused."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    HALVES,
    LAYOUTS,
    MEMORY_FORMAT,
    SECOND,
    SIZES,
    TRANSPOSED,
    Arguments,
    Case,
    args,
    integers,
    normal,
    ops,
    positive,
    refuses,
    values,
)

# input, weight, bias or not, arguments
Row = tuple[tuple[int, ...], tuple[int, ...], bool, dict[str, Any]]

CONV1D: list[Row] = [
    ((2, 3, 9), (4, 3, 3), True, {}),
    ((2, 3, 9), (4, 3, 3), False, {"stride": 2}),
    ((2, 3, 9), (4, 3, 3), True, {"padding": 1}),
    ((2, 3, 9), (4, 3, 3), True, {"dilation": 3}),
    ((2, 3, 10), (4, 3, 3), True, {"stride": (3,), "padding": (2,), "dilation": (2,)}),
    ((2, 4, 9), (6, 2, 3), True, {"groups": 2}),
    ((2, 3, 9), (6, 1, 3), True, {"groups": 3, "padding": 1, "stride": 2}),
    ((3, 9), (4, 3, 3), True, {}),
    ((2, 3, 9), (4, 3, 3), True, {"padding": "same"}),
    ((2, 3, 9), (4, 3, 3), True, {"padding": "valid", "stride": 2}),
    ((2, 3, 9), (4, 3, 4), True, {"padding": "same", "dilation": 1}),
    ((2, 3, 9), (4, 3, 1), True, {}),
    ((1, 1, 1), (1, 1, 1), True, {}),
    ((2, 3, 5), (4, 3, 5), True, {}),
    ((0, 3, 9), (4, 3, 3), True, {}),
    ((2, 3, 2), (4, 3, 4), True, {"padding": 3}),
]
CONV2D: list[Row] = [
    ((2, 3, 7, 6), (4, 3, 3, 2), True, {}),
    ((2, 3, 7, 6), (4, 3, 3, 2), False, {}),
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {"stride": 2}),
    ((2, 3, 8, 6), (4, 3, 3, 3), True, {"stride": (3, 2)}),
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {"padding": (2, 1)}),
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {"padding": [0, 2], "stride": [2, 1]}),
    ((2, 3, 7, 6), (4, 3, 2, 3), True, {"dilation": (3, 2)}),
    ((2, 3, 9, 8), (4, 3, 3, 2), True, {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1)}),
    ((2, 4, 5, 6), (6, 2, 3, 3), True, {"groups": 2, "padding": 1}),
    ((2, 4, 9, 6), (4, 1, 3, 3), True, {"groups": 4, "padding": 1}),
    ((2, 4, 9, 6), (8, 1, 3, 2), True, {"groups": 4, "stride": 2, "dilation": (2, 3), "padding": (1, 1)}),
    ((2, 3, 4, 5), (4, 3, 1, 1), True, {}),
    ((2, 3, 5, 5), (4, 3, 1, 1), True, {"stride": 2, "padding": 1}),
    ((2, 4, 4, 5), (6, 2, 1, 1), True, {"groups": 2}),
    ((1, 1, 3, 3), (16, 1, 3, 3), True, {}),
    ((3, 7, 6), (4, 3, 3, 2), True, {}),
    ((3, 7, 6), (4, 3, 3, 3), False, {"padding": 1, "stride": 2}),
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {"padding": "same"}),
    ((2, 3, 7, 6), (4, 3, 2, 4), True, {"padding": "same"}),
    ((2, 3, 7, 6), (4, 3, 2, 3), True, {"padding": "same", "dilation": (3, 2)}),
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {"padding": "valid", "stride": 2}),
    ((1, 1, 1, 1), (1, 1, 1, 1), True, {}),
    ((0, 3, 7, 6), (4, 3, 3, 3), True, {"padding": 1}),
    ((2, 3, 2, 1), (4, 3, 4, 3), True, {"padding": (3, 2)}),
    ((2, 1, 12, 12), (6, 1, 5, 5), True, {"padding": 2}),
    ((2, 6, 7, 7), (5, 6, 5, 5), True, {}),
]
CONV3D: list[Row] = [
    ((2, 2, 4, 5, 3), (3, 2, 2, 3, 2), True, {}),
    ((2, 2, 4, 5, 3), (3, 2, 2, 3, 2), False, {"stride": (1, 2, 1), "padding": (1, 0, 1)}),
    ((1, 2, 5, 5, 5), (3, 2, 2, 2, 3), True, {"dilation": (2, 1, 2), "padding": 1}),
    ((2, 4, 3, 4, 3), (4, 2, 2, 2, 2), True, {"groups": 2, "stride": 2, "padding": 1}),
    ((2, 2, 3, 4, 3), (2, 1, 3, 3, 3), True, {"groups": 2, "padding": 1}),
    ((2, 4, 5, 3), (3, 2, 2, 3, 2), True, {}),
    ((1, 2, 3, 4, 3), (3, 2, 3, 2, 3), True, {"padding": "same"}),
    ((0, 2, 4, 5, 3), (3, 2, 2, 3, 2), True, {}),
]
TRANSPOSE1D: list[Row] = [
    ((2, 3, 5), (3, 4, 3), True, {}),
    ((2, 3, 5), (3, 4, 3), False, {"stride": 2}),
    ((2, 3, 5), (3, 4, 3), True, {"stride": 3, "padding": 1, "output_padding": 2}),
    ((2, 3, 5), (3, 4, 3), True, {"dilation": 3, "padding": 2, "output_padding": 2}),
    ((2, 4, 5), (4, 3, 3), True, {"groups": 2, "stride": (2,)}),
    ((3, 5), (3, 4, 3), True, {}),
    ((0, 3, 5), (3, 4, 3), True, {}),
    ((2, 3, 5), (3, 4, 1), True, {"stride": 2, "output_padding": 1}),
]
TRANSPOSE2D: list[Row] = [
    ((2, 3, 4, 5), (3, 4, 3, 2), True, {}),
    ((2, 3, 4, 5), (3, 4, 3, 3), False, {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 3, 4, 3), (3, 4, 3, 2), True, {"stride": (3, 2), "padding": (2, 0), "output_padding": (1, 0)}),
    ((2, 3, 4, 3), (3, 4, 2, 3), True, {"dilation": (2, 3), "padding": (0, 1), "stride": (1, 2)}),
    ((2, 4, 3, 3), (4, 3, 3, 3), True, {"groups": 2, "stride": 2}),
    ((2, 4, 3, 3), (4, 1, 3, 3), True, {"groups": 4, "padding": 1}),
    ((2, 3, 4, 5), (3, 4, 1, 1), True, {}),
    ((2, 3, 2, 2), (3, 4, 2, 2), True, {"stride": 2}),
    ((3, 4, 5), (3, 4, 3, 2), True, {"stride": 2}),
    ((0, 3, 4, 5), (3, 4, 3, 2), True, {}),
    ((1, 1, 1, 1), (1, 1, 1, 1), True, {}),
    ((2, 3, 2, 2), (3, 2, 2, 2), True, {"dilation": 3, "output_padding": 2}),
]
TRANSPOSE3D: list[Row] = [
    ((2, 2, 3, 2, 3), (2, 3, 2, 3, 2), True, {}),
    ((1, 2, 3, 2, 3), (2, 3, 2, 3, 2), False, {"stride": (2, 1, 2), "padding": (0, 1, 1), "output_padding": (1, 0, 1)}),
    ((1, 4, 2, 3, 2), (4, 2, 2, 2, 2), True, {"groups": 2, "dilation": (1, 2, 1)}),
    ((2, 3, 2, 3), (2, 3, 2, 3, 2), True, {}),
]
FUNCTIONS: dict[str, list[Row]] = {
    "conv1d": CONV1D,
    "conv2d": CONV2D,
    "conv3d": CONV3D,
    "conv_transpose1d": TRANSPOSE1D,
    "conv_transpose2d": TRANSPOSE2D,
    "conv_transpose3d": TRANSPOSE3D,
}


def arguments(rows: list[Row], function: str) -> list[Arguments]:
    """The rows as arguments, with a bias of the right length."""
    found = []
    for x, w, biased, options in rows:
        outputs = w[1] * options.get("groups", 1) if "transpose" in function else w[0]
        found.append(args(normal(*x), normal(*w), *([normal(outputs)] if biased else []), **options))
    return found


def functions() -> list[Case]:
    """Every row at float32, a few at the other types."""
    cases: list[Case] = []
    for name, rows in FUNCTIONS.items():
        drawn = arguments(rows, name)
        few = [drawn[0], drawn[2], drawn[3]]
        # For volumes torch's strides tell which library computed them, which hangs on dtype, batch and machine.
        checks = CHECKS - {MEMORY_FORMAT} if "3d" in name else CHECKS
        empty = [row[0][0] == 0 and len(row[0]) == len(row[1]) for row in rows]
        cases += ops(
            f"nn.functional.{name}", [a for a, none in zip(drawn, empty, strict=True) if not none], checks=checks
        )
        # torch forgets the second order of an empty batch
        none = [a for a, none in zip(drawn, empty, strict=True) if none]
        cases += ops(f"nn.functional.{name}", none, checks=checks - {SECOND})
        cases += ops(f"nn.functional.{name}", few, dtypes=("float64",), checks=checks)
        cases += ops(f"nn.functional.{name}", few[:2], dtypes=HALVES, checks=checks)
    return cases


def sizes() -> list[Case]:
    """Widths, channels, output channels and batches on both sides of every vector width; sums long enough to round."""
    checks = CHECKS - {SECOND}
    widths = [args(normal(1, 2, size), normal(3, 2, 1), normal(3)) for size in SIZES]
    widths += [args(normal(1, 2, size), normal(3, 2, 3), normal(3), padding=1) for size in SIZES]
    cases = ops("nn.functional.conv1d", widths, checks=checks)
    channels = [args(normal(2, size, 3, 3), normal(2, size, 2, 2), normal(2)) for size in SIZES[:-2]]
    channels += [args(normal(2, 2, 3, 3), normal(size, 2, 2, 2), normal(size)) for size in SIZES[:-2]]
    channels += [args(normal(size, 2, 4, 3), normal(3, 2, 3, 3), normal(3), padding=1) for size in SIZES[:-2]]
    channels += [args(normal(1, 2, 5, size), normal(3, 2, 3, 3), normal(3), padding=1) for size in SIZES[:-2]]
    channels += [
        args(positive(1, 300, 4, 4), positive(2, 300, 3, 3)),
        args(positive(130, 1, 6, 6), positive(1, 1, 3, 3)),
    ]
    channels += [
        args(normal(40, 3, 32, 32), normal(5, 3, 5, 5), padding=2, stride=2)
    ]  # copied windows in several parts
    cases += ops("nn.functional.conv2d", channels, checks=checks)
    transposed = [args(normal(2, size, 3, 3), normal(size, 2, 2, 2), normal(2), stride=2) for size in SIZES[:-2]]
    cases += ops("nn.functional.conv_transpose2d", transposed, checks=checks)
    return cases


def exact() -> list[Case]:
    """Infinities and nan reach exactly the outputs whose window they are in; whole numbers stay whole."""
    inf, nan = float("inf"), float("nan")
    image = values([[[1.0, 2.0, inf, 0.0], [0.0, 1.0, 2.0, 3.0], [nan, 1.0, -2.0, 0.0], [1.0, 1.0, 1.0, 1.0]]])
    kernel = values([[[[1.0, 2.0], [3.0, 1.0]]]])
    rows = [args(image, kernel), args(image, kernel, stride=2)]
    cases = ops("nn.functional.conv2d", rows, checks=FORWARD - {LAYOUTS}, exact=True)
    whole = [args(integers(2, 3, 6, 5, high=9).to("float32"), integers(4, 3, 3, 2, high=9).to("float32"), padding=1)]
    cases += ops("nn.functional.conv2d", whole, label="whole numbers")
    integer = [
        args(normal(2, 3, 5, 6), normal(4, 3, 3, 2), padding=1),
        args(normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4)),
    ]
    return cases + ops("nn.functional.conv2d", integer, dtypes=("int64", "int32", "uint8"), checks=FORWARD)


# --- layers -------------------------------------------------------------------------------------------------------


def layer(torch: Any, x: Any, weight: Any, *bias: Any, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer with the given parameters; its printed form, state and result."""
    made = getattr(torch.nn, kind)(*arguments, bias=bool(bias), dtype=x.dtype, **options)
    text, keys = repr(made), list(made.state_dict())
    del made.weight
    made.weight = weight
    if bias:
        del made.bias
        made.bias = bias[0]
    return {"out": made(x), "text": text, "keys": keys}


def initialised(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """The parameters a new layer draws, and its result."""
    made = getattr(torch.nn, kind)(*arguments, dtype=torch.float32, **options).to(
        x.dtype
    )  # drawn so at every precision
    out = made(x)
    return {"out": out, "text": repr(made), "class": type(made).__name__, **dict(made.named_parameters())}


def unpooled(torch: Any, x: Any, weight: Any, *, output_size: Any) -> Any:
    """A transposed convolution asked for one of the sizes that its stride leaves open."""
    made = torch.nn.ConvTranspose2d(2, 3, 3, stride=(2, 3), padding=1, bias=False, dtype=x.dtype)
    del made.weight
    made.weight = weight
    return made(x, output_size=output_size)


def modes(torch: Any, x: Any, weight: Any, bias: Any, *, mode: str, padding: Any, **options: Any) -> Any:
    """A layer whose padding is filled from the input."""
    n = weight.dim() - 2
    made = getattr(torch.nn, f"Conv{n}d")(
        2, 3, tuple(weight.shape[2:]), padding=padding, padding_mode=mode, dtype=x.dtype, **options
    )
    del made.weight, made.bias
    made.weight, made.bias = weight, bias
    return made(x), repr(made)


def channels_last(torch: Any, x: Any, weight: Any, bias: Any, *, which: str, transposed: bool = False) -> Any:
    """The memory format of the result when the input, or the weight, is channels-last."""
    layout = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
    x = x.contiguous(memory_format=layout) if which in ("input", "both") else x.contiguous()
    weight = weight.contiguous(memory_format=layout) if which in ("weight", "both") else weight.contiguous()
    name = f"conv{'_transpose' if transposed else ''}{x.dim() - 2}d"
    return getattr(torch.nn.functional, name)(x, weight, bias)


def layers() -> list[Case]:
    """The twelve layers: with given parameters, with drawn ones, padded from the input, channels-last, asked for a size."""
    cases: list[Case] = []
    for n in (1, 2, 3):
        x, k = (2, 4, 6, 5, 4)[: n + 2], (3, 2, 3)[:n]
        for kind, first, second in ((f"Conv{n}d", 6, 2), (f"ConvTranspose{n}d", 4, 3)):
            weight = normal(first, second, *k)
            rows = [
                args(normal(*x), weight, normal(6), kind=kind, arguments=(4, 6, k), stride=2, padding=1, groups=2),
                args(normal(*x), weight, kind=kind, arguments=(4, 6, k, 1, 0), groups=2, dilation=1),
            ]
            cases += ops("layer", rows, program=layer, checks=CHECKS - {SECOND})
            drawn = [
                args(normal(*x).fixed(), kind=kind, arguments=(4, 6, k), groups=2),
                args(normal(*x).fixed(), kind=f"Lazy{kind}", arguments=(6, k), groups=2),
                args(normal(*x).fixed(), kind=kind, arguments=(4, 6, 2, 2), bias=False),
            ]
            cases += ops("new layer", drawn, program=initialised, checks=FORWARD - {LAYOUTS}, dtypes=FLOATS[:2])
        for mode in ("zeros", "reflect", "replicate", "circular"):
            shape = (2, 2, 6, 5, 6)[: n + 2]
            kernel = (3, 4, 3)[:n]
            filled: list[dict[str, Any]] = [
                {"padding": (2, 1, 2)[:n]}, {"padding": "same"}, {"padding": "valid"},
                {"padding": 1, "stride": 2}, {"padding": "same", "dilation": (1, 1, 2)[:n]},
            ]  # fmt: skip
            cases += ops(
                "padding mode",
                [args(normal(*shape), normal(3, 2, *kernel), normal(3), mode=mode, **options) for options in filled],
                program=modes,
            )
    for which in ("neither", "input", "weight", "both"):
        images = args(normal(2, 3, 5, 4), normal(4, 3, 3, 2), normal(4), which=which)
        volumes = args(normal(2, 3, 4, 3, 4), normal(4, 3, 2, 2, 2), normal(4), which=which)
        back = args(normal(2, 4, 5, 4), normal(4, 3, 3, 2), normal(3), which=which, transposed=True)
        cases += ops("channels-last", [images, volumes, back], program=channels_last, layouts=())
    asked = [[7, 10], [8, 11], (2, 3, 8, 12), [7, 12]]
    rows = [args(normal(2, 2, 4, 4), normal(2, 3, 3, 3), output_size=size) for size in asked]
    return cases + ops("output size", rows, program=unpooled)


# --- errors -------------------------------------------------------------------------------------------------------


def made(torch: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer that cannot be."""
    return getattr(torch.nn, kind)(*arguments, **options)


IMAGE, KERNEL = normal(2, 4, 5, 5), normal(6, 4, 3, 3)
ERRORS = [
    *refuses(
        "nn.functional.conv2d",
        [
            args(IMAGE, normal(6, 3, 3, 3)),
            args(IMAGE, KERNEL, groups=2),
            args(IMAGE, normal(5, 2, 3, 3), groups=2),
            args(IMAGE, normal(2, 1, 3, 3), groups=4),
            args(IMAGE, KERNEL, normal(5)),
            args(IMAGE, KERNEL, normal(6, 1)),
            args(IMAGE, normal(6, 4, 6, 3)),
            args(IMAGE, KERNEL, dilation=3),
            args(IMAGE, KERNEL, stride=0),
            args(IMAGE, KERNEL, stride=(1, -1)),
            args(IMAGE, KERNEL, padding=-1),
            args(IMAGE, KERNEL, dilation=0),
            args(IMAGE, KERNEL, groups=0),
            args(IMAGE, KERNEL, groups=-1),
            args(IMAGE, KERNEL, stride=(1, 1, 1)),
            args(IMAGE, KERNEL, padding=(1, 1, 1)),
            args(IMAGE, KERNEL, dilation=(1, 1, 1)),
            args(IMAGE, KERNEL, padding="full"),
            args(IMAGE, KERNEL, padding="same", stride=2),
            args(normal(5, 5), KERNEL),
            args(normal(1, 2, 4, 5, 5), KERNEL),
            args(IMAGE, normal(6, 4, 3)),
            args(IMAGE, normal(6, 4)),
            args(IMAGE, KERNEL.to("float64")),
            args(IMAGE, KERNEL, normal(6).to("float64")),
            args(IMAGE, 3).naming("conv2d"),
            args(IMAGE, KERNEL, stride=1.5).naming("conv2d"),
            args(normal(2, 4, 0, 5), KERNEL, padding=2),
        ],
    ),
    *refuses(
        "nn.functional.conv1d", [args(normal(2, 3, 5, 5), normal(4, 3, 3)), args(normal(2, 3, 2), normal(4, 3, 3))]
    ),
    *refuses(
        "nn.functional.conv2d",
        [
            args(IMAGE, normal(4, 3, 3), padding="same"),
            args(IMAGE, normal(4, 3, 3)),
            args(IMAGE.to("int64"), KERNEL.to("int64"), normal(6)),
            args(IMAGE.to("int8"), KERNEL.to("int8"), normal(6).to("int16")),
            args(IMAGE.to("bool"), KERNEL.to("bool")).naming("slow_conv2d_cpu", "Bool"),
            args(IMAGE.to("int32"), KERNEL.to("int32"), dilation=2).naming("slow_conv_dilated", "Int"),
        ],
    ),
    *refuses(
        "nn.functional.conv_transpose2d",
        [args(IMAGE.to("int32"), normal(4, 3, 3, 3).to("int32")).naming("slow_conv_transpose2d_out_cpu", "Int")],
    ),
    *refuses("nn.functional.conv3d", [args(normal(3, 5, 5), normal(4, 3, 3, 3, 3))]),
    *refuses(
        "nn.functional.conv_transpose2d",
        [
            args(IMAGE, normal(3, 4, 3, 3)),
            args(IMAGE, normal(4, 3, 3, 3), normal(4)),
            args(IMAGE, normal(4, 3, 3, 3), output_padding=1),
            args(IMAGE, normal(4, 3, 3, 3), stride=2, output_padding=2),
            args(IMAGE, normal(4, 3, 3, 3), groups=3),
            args(IMAGE, normal(4, 3, 3, 3), stride=0),
            args(IMAGE, normal(4, 3, 3, 3), padding=-1),
            args(IMAGE, normal(4, 3, 3, 3), output_padding=-1),
            args(IMAGE, normal(4, 3, 3, 3), padding="same").naming("padding"),
            args(normal(5, 5), normal(4, 3, 3, 3)),
            args(IMAGE, normal(4, 3, 3, 3).to("float64")),
        ],
    ),
    *refuses(  # at float32 another library refuses these for torch, in words that name no cause
        "nn.functional.conv_transpose2d",
        [args(IMAGE, normal(4, 3, 3, 3), dilation=0), args(IMAGE, normal(4, 3, 3, 3), padding=5)],
        dtype="float64",
    ),
    *refuses(
        "layer that cannot be",
        [
            args(kind="Conv2d", arguments=(4, 6, 3), groups=3),
            args(kind="Conv2d", arguments=(6, 4, 3), groups=3),
            args(kind="Conv2d", arguments=(4, 6, 3), groups=0),
            args(kind="Conv2d", arguments=(4, 6, 3), padding="full"),
            args(kind="Conv2d", arguments=(4, 6, 3), padding="same", stride=2),
            args(kind="Conv2d", arguments=(4, 6, 3), padding_mode="mirror").naming("padding_mode", "mirror"),
            args(kind="ConvTranspose2d", arguments=(4, 6, 3), padding_mode="reflect"),
        ],
        program=made,
    ),
    *refuses(
        "output size",
        [
            args(normal(2, 2, 4, 4), normal(2, 3, 3, 3), output_size=size)
            for size in ([6, 10], [9, 10], [7], [3, 7, 10])
        ],
        program=unpooled,
    ),
    *refuses(
        "layer",
        [
            args(normal(2, 3, 5, 5), normal(6, 4, 3, 3), kind="Conv2d", arguments=(4, 6, 3)),
            args(normal(5, 5), normal(6, 4, 3, 3), kind="Conv2d", arguments=(4, 6, 3)),
        ],
        program=layer,
    ),
]

# Faults in one dimension, or one operand, only.
BACK = normal(4, 3, 3, 3)
ERRORS += [
    *refuses(
        "nn.functional.conv2d",
        [
            args([1.0], KERNEL).naming("conv2d"),
            args(IMAGE, KERNEL, [1.0]).naming("conv2d"),
            args(IMAGE, KERNEL, 3).naming("conv2d"),
            args(IMAGE, KERNEL, groups=1.0).naming("groups"),
            args(IMAGE, KERNEL, padding=(1, -1)),
            args(IMAGE, KERNEL, padding=(-1, 1)),
            args(IMAGE, KERNEL, dilation=(1, 0)),
            args(IMAGE, KERNEL, dilation=(0, 1)),
            args(IMAGE, KERNEL, stride=(0, 1)),
            args(IMAGE, KERNEL, padding="same", stride=(1, 2)),
            args(IMAGE, KERNEL, padding="valid", stride=(1, 0)),
            args(IMAGE, KERNEL, padding="same", groups=3),
            args(IMAGE, normal(6, 4, 3, 6)),
            args(IMAGE, normal(6, 4, 6, 6)),
            args(normal(2, 4, 5, 0), KERNEL, padding=2),
            args(IMAGE, normal(0, 4, 3, 3)),
            args(normal(2, 4, 5, 5).to("int64"), normal(6, 4, 3, 3)),
            args(normal(2, 3, 5, 5), normal(2, 1, 3, 3), groups=3),
        ],
        label="in part",
    ),
    *refuses("nn.functional.conv1d", [args(normal(2, 3, 5), normal(4, 3)), args(normal(5), normal(4, 3, 3))]),
    *refuses(
        "nn.functional.conv1d", [args(normal(1, 2, 3, 5), normal(4, 3, 3)), args(normal(2, 3, 0), normal(4, 3, 1))]
    ),
    *refuses("nn.functional.conv3d", [args(normal(2, 3, 5, 5, 5), normal(4, 3, 3, 3, 6))]),
    *refuses(
        "nn.functional.conv_transpose2d",
        [
            args([1.0], BACK).naming("conv_transpose2d"),
            args(IMAGE, [1.0]).naming("conv_transpose2d"),
            args(IMAGE, BACK, [1.0]).naming("conv_transpose2d"),
            args(IMAGE, BACK, output_padding=(0, -1)),
            args(IMAGE, BACK, output_padding=(0, 1)),
            args(IMAGE, BACK, stride=(1, 2), output_padding=(1, 0)),
            args(IMAGE, BACK, normal(3, 1)),
            args(IMAGE, BACK, normal(3).to("float64")),
            args(IMAGE, BACK, stride=(1, -1)),
            args(IMAGE, BACK, padding=(1, -1)),
            args(IMAGE, normal(4, 3, 3)),
            args(IMAGE, normal(4, 3, 3, 3), normal(6), groups=4),
        ],
        label="in part",
    ),
    *refuses(
        "nn.functional.conv_transpose2d",
        [args(IMAGE, BACK, dilation=(1, 0)), args(IMAGE, BACK, padding=(0, 5)), args(IMAGE, BACK, padding=(5, 0))],
        dtype="float64",
        label="in part",
    ),
]

# Differences between dimensions, one output channel without a batch, output padding beyond the stride.
UNEVEN = [
    args(normal(1, 5, 4), normal(1, 1, 3, 2)),
    args(normal(4, 5, 4), normal(1, 4, 3, 2), normal(1)),
    args(normal(2, 4, 6, 7), normal(4, 4, 2, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2)),
    args(normal(2, 4, 7, 6), normal(2, 4, 3, 2), normal(2), stride=(1, 3), padding=(2, 0), dilation=(2, 1)),
    args(normal(2, 4, 6, 7), normal(6, 2, 1, 3), stride=(3, 2), groups=2),
    args(normal(2, 4, 6, 7), normal(6, 2, 3, 1), padding=(3, 2), groups=2),
    args(normal(3, 2, 5, 5), normal(2, 2, 5, 5)),
    args(normal(2, 4, 6, 7), normal(3, 4, 3, 1), padding=(3, 2)),
    args(normal(2, 4, 6, 7), normal(2, 2, 1, 3), padding=(1, 3), groups=2),
    args(normal(2, 4, 6, 7), normal(2, 4, 3, 3), stride=(1, 2), padding=1),
    args(normal(1, 2, 5, 5), normal(3, 2, 1, 1), stride=2),
    args(normal(3, 1, 5, 9), normal(2, 1, 1, 1)),
    args(normal(2, 3, 4, 33), normal(2, 3, 1, 2)),
    args(normal(0, 3, 4, 5), normal(2, 3, 2, 2), normal(2)),
    args(normal(2, 3, 8, 8), normal(5, 3, 3, 3), padding="same", dilation=(1, 2)),
    args(normal(2, 3, 8, 8), normal(5, 3, 3, 3), padding="valid", stride=(2, 3)),
]
UNEVEN_BACK = [
    args(normal(4, 5, 4), normal(4, 1, 3, 2)),
    args(normal(1, 5, 4), normal(1, 1, 3, 2), normal(1)),
    args(normal(2, 4, 3, 4), normal(4, 3, 2, 3), stride=(2, 3), padding=(0, 1), output_padding=(1, 2)),
    args(normal(2, 4, 3, 4), normal(4, 3, 3, 2), stride=(1, 2), dilation=(2, 3), output_padding=(1, 2)),
    args(normal(2, 4, 3, 4), normal(4, 3, 2, 2), dilation=(3, 2), output_padding=(2, 1), padding=(1, 0)),
    args(normal(2, 4, 3, 4), normal(4, 3, 3, 2), stride=(3, 1), groups=2, dilation=(1, 2)),
    args(normal(2, 4, 5, 4), normal(4, 3, 3, 3), padding=(2, 1)),
    args(normal(2, 4, 5, 4), normal(4, 3, 3, 3), padding=(0, 2)),
    args(normal(0, 4, 5, 4), normal(4, 3, 3, 3)),
]


def without_options() -> list[Case]:
    """Every function with nothing but its operands, and with one option at a time."""
    cases: list[Case] = []
    for n in (1, 2, 3):
        shape, kernel = (2, 4, 5, 6, 5)[: n + 2], (3, 2, 3)[:n]
        for name, weight in (("conv", (2, 4)), ("conv_transpose", (4, 2))):
            operands = [normal(*shape), normal(*weight, *kernel)]
            halves = [normal(*shape), normal(weight[0], weight[1] // 2 if name == "conv" else 2, *kernel)]
            rows = [args(*operands), args(*operands, stride=2), args(*operands, padding=1), args(*operands, dilation=2)]
            rows += [args(*halves, groups=2), args(*operands, normal(2)), args(*operands, None, 2, 1)]
            if name == "conv_transpose":
                rows += [args(*operands, stride=2, output_padding=1), args(*operands, None, 2, 1, 1, 1, 2)]
            cases += ops(f"nn.functional.{name}{n}d", rows, checks=CHECKS - {SECOND}, layouts=(), label="one option")
    return cases


CASES = [
    *functions(),
    *sizes(),
    *exact(),
    *layers(),
    *without_options(),
    *ops("nn.functional.conv2d", UNEVEN, label="uneven", layouts=(TRANSPOSED,)),
    *ops("nn.functional.conv_transpose2d", UNEVEN_BACK, label="uneven", layouts=(TRANSPOSED,)),
    *ERRORS,
]
