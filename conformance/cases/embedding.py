"""Rows of a table by number, sums of bags of them, and the layers that hold such a table."""

from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    FLOATS,
    LAYOUTS,
    SECOND,
    Arguments,
    Case,
    args,
    distinct,
    integers,
    named,
    normal,
    ops,
    refuses,
    tied,
    values,
)
from conformance.variant import NORMAL, PAIRS

# --- embedding ------------------------------------------------------------------------------------------------------------

LOOKUP, BAG = "nn.functional.embedding", "nn.functional.embedding_bag"
REPEATED = values([[3, 0, 2], [2, 2, 4]], "int64")

ROWS = [
    args(integers(7, high=5), normal(5, 3)),
    args(REPEATED, normal(5, 4)),
    args(values(2, "int64"), normal(3, 2)),
    args(integers(0, 3, high=5), normal(5, 2)),
    args(integers(3, high=5).to("int32"), normal(5, 2)),
    args(REPEATED, normal(5, 4), 2),
    args(REPEATED, normal(5, 4), -1),
    args(REPEATED, normal(5, 4), 0),
    args(REPEATED, normal(5, 4), padding_idx=3),
    args(REPEATED, normal(5, 33)),
    args(integers(65, high=3), normal(3, 1)),
    args(values([1, 1], "int64"), normal(2, 0)),
]
# The gradient of torch's gradient leaves out the number of uses: only the first order is compared.
BY_USE = [
    args(REPEATED, normal(5, 4), scale_grad_by_freq=True),
    args(REPEATED, normal(5, 4), 2, scale_grad_by_freq=True),
    args(values([0, 2, 2, 2, 1, 0], "int64"), normal(4, 3), None, None, 2.0, True),
]
INDEX_ERRORS = [
    args(values([5], "int64"), normal(5, 3)),
    args(values([0, -1], "int64"), normal(5, 3)),
    args(values([1.0], "float32").fixed(), normal(5, 3)),
    args(values([1], "int16"), normal(5, 3)),
    args(values([1], "int64"), normal(5)),
    args(values([1], "int64"), normal(5, 3, 2)),
    args(values([1], "int64"), normal(5, 3), 5),
    args(values([1], "int64"), normal(5, 3), -6),
    args([1], normal(5, 3)),
    args(values([5], "int64"), normal(5, 3).fixed(), max_norm=1.0),
]


def shortened(torch: Any, x: Any, table: Any, *, max_norm: float, **options: Any) -> Any:
    """Rows of a table, shortened in the table itself where they are long; the table of the caller stays."""
    layer = torch.nn.Embedding(*table.shape, max_norm=max_norm, dtype=table.dtype, **options)
    with torch.no_grad():
        layer.weight.copy_(table)
    out = layer(x)
    gradient = torch.autograd.grad(out, [layer.weight], out.detach())[0]
    return out.detach(), layer.weight.detach(), gradient


SHORTENED = [
    args(REPEATED, normal(5, 4, scale=3).fixed(), max_norm=1.0),
    args(REPEATED, normal(5, 4).fixed(), max_norm=1.5, norm_type=1.0),
    args(REPEATED, normal(5, 4).fixed(), max_norm=1.0, norm_type=3.0, padding_idx=2),
    args(REPEATED, normal(5, 4).fixed(), max_norm=1.0, norm_type=float("inf")),
    args(values([1], "int64"), normal(2, 1).fixed(), max_norm=100.0),
]

# --- bags -----------------------------------------------------------------------------------------------------------------

INDEX = values([1, 4, 2, 0, 4, 3, 4], "int64")
STARTS, ALL_STARTS = values([0, 3, 3, 4], "int64"), values([0, 3, 3, 4, 7], "int64")


def bags() -> list[Arguments]:
    """Every mode with every way to say where bags end; the third bag has one row, the second none."""
    found: list[Arguments] = []
    for mode in ("sum", "mean", "max"):
        table = distinct(5, 3) if mode == "max" else normal(5, 3)
        found += [
            args(INDEX, table, STARTS, mode=mode),
            args(INDEX, table, ALL_STARTS, mode=mode, include_last_offset=True),
            args(values([[1, 4, 4], [2, 0, 3]], "int64"), table, mode=mode),
            args(INDEX, table, STARTS, mode=mode, padding_idx=4),
            args(INDEX, table, STARTS, mode=mode, padding_idx=-5),
            args(values([4, 4, 1, 4], "int64"), table, values([0, 2], "int64"), mode=mode, padding_idx=4),
            args(INDEX.to("int32"), table, STARTS.to("int32"), mode=mode),
            args(INDEX.to("int32"), table, STARTS, mode=mode),
            args(INDEX.to("int16"), table, STARTS, mode=mode),
            args(values([], "int64"), table, values([0, 0], "int64"), mode=mode),
            args(values([], "int64"), table, values([], "int64"), mode=mode),
            args(values([0], "int64"), normal(1, 1), values([0], "int64"), mode=mode),
            args(integers(40, high=5), normal(5, 17), values([0, 9, 31], "int64"), mode=mode),
        ]
    return [
        *found,
        args(INDEX, normal(5, 3), STARTS),
        args(INDEX, tied(5, 4), STARTS, mode="max"),
        args(INDEX, normal(5, 3), STARTS, mode="sum", per_sample_weights=normal(7)),
        args(INDEX, normal(5, 3), STARTS, mode="sum", per_sample_weights=normal(7), padding_idx=4),
        args(values([[1, 4, 4], [2, 0, 3]], "int64"), normal(5, 3), mode="sum", per_sample_weights=normal(2, 3)),
        args(INDEX, normal(5, 3), ALL_STARTS, mode="sum", per_sample_weights=normal(7), include_last_offset=True),
    ]


# torch divides by the uses of another row where a row's place among those that are used is not its place among all
# indices, as in the last one (`known_differences.toml`).
BAGS_BY_USE = [
    args(values([0, 1, 2, 3], "int64"), normal(5, 3), values([0, 2], "int64"), mode=mode, scale_grad_by_freq=True)
    for mode in ("sum", "mean")
]
BAGS_BY_USE += [args(values([0, 0, 1, 2, 1, 3, 1], "int64"), normal(5, 3), STARTS, mode="sum", scale_grad_by_freq=True)]
BAG_ERRORS = [
    args(INDEX, normal(5, 3)),
    args(INDEX, normal(5, 3), values([1, 2], "int64")),
    args(INDEX, normal(5, 3), values([0, 9], "int64")),
    args(INDEX, normal(5, 3), values([[0, 1]], "int64")),
    args(INDEX, normal(5, 3), values([0.0], "float32").fixed()),
    args(INDEX, normal(5, 3), values([], "int64"), include_last_offset=True),
    args(values([[1, 2]], "int64"), normal(5, 3), STARTS),
    args(values([[1, 2]], "int16"), normal(5, 3)),
    args(INDEX.to("int16"), normal(5, 3), STARTS.to("int16")),
    args(values([[1, 0]], "bool"), normal(5, 3)).naming("arange", "Bool"),
    args(values(1, "int64"), normal(5, 3), STARTS),
    args(INDEX, normal(5), STARTS),
    args(INDEX, normal(5, 3), STARTS, mode="product"),
    args(INDEX, normal(5, 3), STARTS, mode="max", scale_grad_by_freq=True),
    args(INDEX, normal(5, 3), STARTS, mode="max", sparse=True),
    args(INDEX, normal(5, 3), STARTS, mode="mean", per_sample_weights=normal(7)),
    args(INDEX, normal(5, 3), STARTS, mode="sum", per_sample_weights=normal(6)),
    args(INDEX, normal(5, 3), STARTS, mode="sum", per_sample_weights=normal(7).to("float64")),
    args(INDEX, normal(5, 3), STARTS, padding_idx=5),
    args(INDEX, normal(5, 3), STARTS, padding_idx=-6),
    args(values([0, 5], "int64"), normal(5, 3), values([0], "int64")),
    args(values([0, -1], "int64"), normal(5, 3), values([0], "int64")),
    args(values([1.0], "float32").fixed(), normal(5, 3), STARTS),
    args(INDEX, integers(5, 3, high=9), STARTS, mode="sum"),
]

# --- layers ---------------------------------------------------------------------------------------------------------------


def made(torch: Any, *, kind: str, arguments: tuple[Any, ...], dtype: Any = None, **options: Any) -> dict[str, Any]:
    """A layer as it is made: its table, its text, its state, and what is drawn next."""
    torch.manual_seed(3)
    layer = getattr(torch.nn, kind)(*arguments, dtype=dtype, **options)
    found = {"weight": layer.weight.detach(), "text": repr(layer), "state": list(layer.state_dict())}
    return found | {"padding": layer.padding_idx, "next": torch.rand(3)}


MADE = [
    args(kind="Embedding", arguments=(5, 3)),
    args(kind="Embedding", arguments=(5, 3, 2, 1.5, 1.0, True)),
    args(kind="Embedding", arguments=(40, 3), padding_idx=-1, dtype=named("float64")),
    args(kind="Embedding", arguments=(4, 2), padding_idx=0),
    args(kind="Embedding", arguments=(4, 2), max_norm=2, norm_type=3.0, scale_grad_by_freq=True),
    args(kind="EmbeddingBag", arguments=(5, 3)),
    args(kind="EmbeddingBag", arguments=(5, 3, 1.5, 1.0, True, "sum")),
    args(kind="EmbeddingBag", arguments=(5, 3), mode="max", padding_idx=-2, include_last_offset=True),
    args(kind="EmbeddingBag", arguments=(30, 4), dtype=named("float64")),
]


def given(torch: Any, x: Any, table: Any, *, kind: str, **options: Any) -> dict[str, Any]:
    """A layer over a given table."""
    layer = getattr(torch.nn, kind).from_pretrained(table.detach(), **options)
    found = {"out": layer(x), "trained": layer.weight.requires_grad, "text": repr(layer)}
    if layer.weight.requires_grad:
        found["out"].sum().backward()
        found["gradient"] = layer.weight.grad
        found["out"] = found["out"].detach()
    with torch.no_grad():
        layer.weight.zero_()
    return found | {"shared": table.detach() * 1, "padding": layer.padding_idx}


TABLES = [
    args(REPEATED, normal(5, 4).fixed(), kind="Embedding"),
    args(REPEATED, normal(5, 4).fixed(), kind="Embedding", freeze=False, padding_idx=2),
    args(REPEATED, normal(5, 4).fixed(), kind="Embedding", freeze=False, scale_grad_by_freq=True),
    args(REPEATED, normal(5, 4).fixed(), kind="EmbeddingBag", mode="sum"),
    args(REPEATED, normal(5, 4).fixed(), kind="EmbeddingBag", freeze=False, padding_idx=2),
]


def trained(torch: Any, x: Any, table: Any, *, kind: str, **options: Any) -> Any:
    """Two steps of SGD: the padding row stays."""
    layer = getattr(torch.nn, kind)(*table.shape, dtype=table.dtype, **options)
    with torch.no_grad():
        layer.weight.copy_(table)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        layer(x).square().sum().backward()
        optimizer.step()
    return layer.weight.detach()


TRAINED = [
    args(REPEATED, normal(5, 4).fixed(), kind="Embedding", padding_idx=2),
    args(REPEATED, normal(5, 4).fixed(), kind="Embedding", max_norm=1.0),
    args(REPEATED, normal(5, 4).fixed(), kind="EmbeddingBag", padding_idx=2),
    args(REPEATED, normal(5, 4).fixed(), kind="EmbeddingBag", mode="sum", max_norm=1.0),
    args(REPEATED, distinct(5, 4).fixed(), kind="EmbeddingBag", mode="max"),
]


def unmade(torch: Any, *tables: Any, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer that cannot be made, or not from this table."""
    layer = getattr(torch.nn, kind)
    return layer.from_pretrained(*tables, **options) if tables else layer(*arguments, **options)


UNMADE = [
    args(kind=kind, arguments=(5, 3), padding_idx=padding_idx)
    for kind in ("Embedding", "EmbeddingBag")
    for padding_idx in (5, -6)
]
UNMADE += [args(normal(5), kind="Embedding"), args(normal(5, 3, 2), kind="EmbeddingBag")]

FIRST = CHECKS - {SECOND}

CASES: list[Case] = [
    *ops(LOOKUP, ROWS[:6]),
    *ops(LOOKUP, ROWS[6:], checks=CHECKS - {LAYOUTS}),
    *ops(LOOKUP, ROWS[1:2], dtypes=FLOATS[1:]),
    *ops(LOOKUP, BY_USE, checks=FIRST),
    *ops("embedding with a largest norm", SHORTENED, program=shortened, checks=FIRST),
    *refuses(LOOKUP, INDEX_ERRORS),
    # torch has no second order of bags.
    *ops(BAG, bags()[::3], checks=FIRST),
    *ops(BAG, [row for n, row in enumerate(bags()) if n % 3], checks=FIRST - {LAYOUTS}),
    *ops(BAG, [bags()[0], bags()[12], bags()[24]], dtypes=FLOATS[1:], checks=FIRST - {LAYOUTS}),
    *ops(BAG, BAGS_BY_USE, checks=FIRST - {LAYOUTS}),
    *refuses(BAG, BAG_ERRORS),
    *ops("embedding made", MADE, program=made, checks={BITS}, streams=(NORMAL, PAIRS)),
    *ops("embedding from a table", TABLES, program=given, checks=FIRST - {LAYOUTS}),
    *ops("embedding trained", TRAINED, program=trained, checks=FIRST - {LAYOUTS}),
    *refuses("embedding made", UNMADE, program=unmade),
]
