"""Shapes, slices, products of matrices and reductions."""

from typing import Any

from refnet import _dtype
from refnet.onnx._graph import Graph, Operand
from refnet.onnx._sizes import Size
from refnet.onnx._table import TRANSLATIONS, translates

_LAST = 2**63 - 1  # an end beyond every size

# --- shapes -----------------------------------------------------------------------------------------------------------


@translates("view")
def _view(g: Graph, out: Operand, x: Operand, shape: Any) -> str:
    return g.node("Identity", [x.name]) if x.shape == out.shape else g.reshape(x.name, out.shape)


@translates("new_dim")
def _new_dim(g: Graph, out: Operand, x: Operand, dim: int) -> str:
    return g.node("Unsqueeze", [x.name, g.integers([dim])])


@translates("permute_dims")
def _permute(g: Graph, out: Operand, x: Operand, dims: Any) -> str:
    return g.node("Transpose", [x.name], perm=list(dims))


@translates("broadcast")
def _broadcast(g: Graph, out: Operand, x: Operand, shape: Any) -> str:
    return g.node("Expand", [x.name, g.sizes(out.shape)])


@translates("join")
def _join(g: Graph, out: Operand, arrays: Any, dim: int) -> str:
    return g.node("Concat", [x.name for x in arrays], axis=dim)


@translates("basic_index")
def _basic_index(g: Graph, out: Operand, x: Operand, key: Any) -> str:
    """Slices first, then the integers as slices of one whose dimensions go, then the new dimensions."""
    starts: list[Any] = []
    ends: list[Any] = []
    axes: list[int] = []
    steps: list[int] = []
    gone: list[int] = []
    new: list[int] = []
    axis = placed = 0
    for part in key:
        if part is None:
            new.append(placed)
            placed += 1
            continue
        if isinstance(part, slice):
            start = 0 if part.start is None else part.start
            end = _LAST if part.stop is None or part.stop == x.shape[axis] else part.stop
            step = 1 if part.step is None else part.step
            placed += 1
        else:
            start, step = part, 1
            end = (
                _LAST
                if part == -1
                else Size(part.factor, part.names, part.offset + 1)
                if isinstance(part, Size)
                else part + 1
            )
            gone.append(axis)
        if (start, end, step) != (0, _LAST, 1):
            starts.append(start)
            ends.append(end)
            axes.append(axis)
            steps.append(step)
        axis += 1
    name = x.name
    if axes:
        name = g.node("Slice", [name, g.sizes(starts), g.sizes(ends), g.integers(axes), g.integers(steps)])
    if gone:
        name = g.node("Squeeze", [name, g.integers(gone)])
    if new:
        name = g.node("Unsqueeze", [name, g.integers(new)])
    return g.node("Identity", [name]) if name == x.name else name


@translates("pad_constant")
def _pad_constant(g: Graph, out: Operand, x: Operand, pads: Any, value: Any) -> str:
    sides = [low for low, _ in pads] + [high for _, high in pads]
    return g.node("Pad", [x.name, g.sizes(sides), g.constant(value, x.dtype)], mode="constant")


@translates("reversed_dims")
def _reversed(g: Graph, out: Operand, x: Operand, dims: Any) -> str:
    ends = g.integers([-_LAST] * len(dims))
    backwards = g.integers([-1] * len(dims))
    return g.node("Slice", [x.name, backwards, ends, g.integers(dims), backwards])


@translates("rolled")
def _rolled(g: Graph, out: Operand, x: Operand, shifts: Any, dims: Any) -> str:
    """Dimension by dimension: the last elements, then the others."""
    name = x.name
    for shift, dim in zip(shifts, dims, strict=True):
        size = g.static(x.shape[dim], "the size of a dimension that is rolled")
        start = -shift % size
        ends = [g.integers([end]) for end in (0, start, _LAST)]
        parts = [g.node("Slice", [name, low, high, g.integers([dim])]) for low, high in (ends[1:], ends[:2])]
        name = g.node("Concat", parts, axis=dim)
    return name


@translates("triangle")
def _triangle(g: Graph, out: Operand, x: Operand, diagonal: int, upper: bool) -> str:
    """Trilu takes no booleans everywhere: they go through int64."""
    name = g.cast_to(x.name, "int64") if x.dtype is _dtype.bool_ else x.name
    kept = g.node("Trilu", [name, g.constant(diagonal, "int64")], upper=int(upper))
    return g.cast_to(kept, "bool") if x.dtype is _dtype.bool_ else kept


@translates("take")
def _take(g: Graph, out: Operand, x: Operand, index: Operand) -> str:
    """Elements by their flat positions."""
    flat = g.node("Reshape", [x.name, g.integers([-1])])
    return g.node("Gather", [flat, index.name], axis=0)


@translates("gathered")
def _gathered(g: Graph, out: Operand, x: Operand, dim: int, index: Operand) -> str:
    return g.node("GatherElements", [x.name, index.name], axis=dim)


@translates("fancy_index")
def _fancy_index(g: Graph, out: Operand, x: Operand, key: Any) -> str:
    """One tensor of positions among full slices is a Gather; masks and several tensors are not."""
    given = [(axis, part) for axis, part in enumerate(key) if isinstance(part, Operand)]
    rest = [part for part in key if not isinstance(part, Operand)]
    if len(given) != 1 or any(part != slice(None) for part in rest) or given[0][1].dtype is _dtype.bool_:
        raise g.unsupported("only one tensor of positions, with full slices beside it, can be exported as an index")
    axis, index = given[0]
    return g.node("Gather", [x.name, index.name], axis=axis)


# --- products ---------------------------------------------------------------------------------------------------------


@translates("matrix_product")
def _matrix_product(g: Graph, out: Operand, x: Operand, y: Operand) -> str:
    return g.node("MatMul", [x.name, y.name])


@translates("affine")
def _affine(g: Graph, out: Operand, x: Operand, w: Operand, b: Operand) -> str:
    return g.node("Gemm", [x.name, w.name, b.name], transB=1)


# --- along dimensions -------------------------------------------------------------------------------------------------

_REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "amax": "ReduceMax", "amin": "ReduceMin",
    "logsumexp": "ReduceLogSumExp",
}  # fmt: skip


def _reduction(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Operand, dims: Any, keepdim: bool) -> str:
        return g.node(op, [g.operand(x, out.dtype), g.integers(dims)], keepdims=int(keepdim), noop_with_empty_axes=1)

    return translation


for _name, _op in _REDUCTIONS.items():
    TRANSLATIONS[_name] = _reduction(_op)


@translates("Tensor.max", "Tensor.min")
def _extremum(g: Graph, out: Operand, input: Operand, dim: Any, keepdim: Any, other: Any) -> Any:
    """Of all elements; along a dimension, with positions; or of two tensors."""
    which = "Max" if g.operation == "max" else "Min"
    second = dim if isinstance(dim, Operand) else other
    if isinstance(second, Operand):
        return g.node(which, [g.operand(input, out.dtype), g.operand(second, out.dtype)])
    if not isinstance(dim, int):
        return g.node(f"Reduce{which}", [input.name], keepdims=0)
    keep = int(keepdim is True)
    values = g.node(f"Reduce{which}", [input.name, g.integers([dim])], keepdims=keep)
    return values, g.node(f"Arg{which}", [input.name], axis=dim, keepdims=keep)


@translates("vector_norm")
def _vector_norm(g: Graph, out: Operand, x: Operand, ord: float, dims: Any, keepdim: bool) -> str:
    known = {1.0: "ReduceL1", 2.0: "ReduceL2"}
    if ord not in known:
        raise g.unsupported(f"a norm of order {ord} cannot be exported; 1 and 2 can")
    return g.node(known[ord], [g.operand(x, out.dtype), g.integers(dims)], keepdims=int(keepdim))


@translates("var", "std", "var_mean")
def _var(g: Graph, out: Operand, x: Operand, dims: Any, keepdim: bool, correction: float) -> Any:
    n = 1
    for dim in dims:
        n *= g.static(x.shape[dim], "the number of averaged elements")
    axes = g.integers(dims)
    centred = g.node("Sub", [x.name, g.node("ReduceMean", [x.name, axes], keepdims=1)])
    total = g.node("ReduceSumSquare", [centred, axes], keepdims=int(keepdim))
    variance = g.node("Div", [total, g.constant(n - correction, x.dtype)])
    if g.operation == "var_mean":
        return variance, g.node("ReduceMean", [x.name, axes], keepdims=int(keepdim))
    return g.node("Sqrt", [variance]) if g.operation == "std" else variance


@translates("cumsum")
def _cumsum(g: Graph, out: Operand, x: Operand, dim: int, reverse: bool) -> str:
    return g.node("CumSum", [g.operand(x, out.dtype), g.constant(dim, "int64")], reverse=int(reverse))


@translates("softmax", "log_softmax")
def _softmax(g: Graph, out: Operand, x: Operand, dim: int) -> str:
    return g.node("LogSoftmax" if g.operation.startswith("log") else "Softmax", [x.name], axis=dim)


@translates("masked_softmax")
def _masked_softmax(g: Graph, out: Operand, x: Operand, dim: int) -> str:
    """softmax, but zeros where all is -inf: where a query may look at nothing."""
    most = g.node("ReduceMax", [x.name, g.integers([dim])], keepdims=1)
    nothing = g.node("Equal", [most, g.constant(float("-inf"), x.dtype)])
    return g.node("Where", [nothing, g.constant(0, x.dtype), g.node("Softmax", [x.name], axis=dim)])


@translates("Tensor.argmax", "Tensor.argmin")
def _position(g: Graph, out: Operand, input: Operand, dim: Any = None, keepdim: bool = False) -> str:
    op = "ArgMax" if g.operation.startswith("argmax") else "ArgMin"
    if dim is None:
        flat = g.node("Reshape", [input.name, g.integers([-1])])
        return g.node(op, [flat], axis=0, keepdims=0)
    return g.node(op, [input.name], axis=dim, keepdims=int(keepdim))


@translates("Tensor.sort", "Tensor.argsort")
def _sort(g: Graph, out: Operand, input: Operand, dim: int, descending: bool, stable: bool) -> Any:
    """TopK of all elements; of equal ones the first comes first, as in a stable sort."""
    found = _top(g, input, input.shape[dim], dim, descending)
    return found[1] if g.operation == "argsort" else found


@translates("Tensor.topk")
def _topk(g: Graph, out: Operand, input: Operand, k: Any, dim: int, largest: bool, sorted: bool) -> tuple[str, ...]:
    return _top(g, input, k, dim, largest)


def _top(g: Graph, x: Operand, k: Any, dim: int, largest: bool) -> tuple[str, ...]:
    return g.nodes_of("TopK", [x.name, g.sizes([k])], 2, axis=dim, largest=int(largest), sorted=1)
