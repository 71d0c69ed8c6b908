"""What every elementwise operation shares: broadcasting, torch's type promotion, ``out=``.

Operands are tensors or Python numbers. Kinds differ in the type of the result: `Pointwise` gives the promoted type,
`Floating` turns integers into the default floating type first, `Comparison` gives bool, `Bitwise` takes integers and
bools only. float16 and bfloat16 are computed in float32 and rounded once, as torch does.

Rules leave broadcasting and promotion alone: the backward sweep undoes both (`_tape._fit`).
"""

import functools
import math
from collections.abc import Callable
from threading import get_ident
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._ops.transfer import with_numbers_moved
from refnet._recording.active import lasting
from refnet._tape import Primitive, TensorBase, different_devices, mode, wrap
from refnet._threads import share
from refnet._workspace import empty

Array = Any


class Pointwise(Primitive):
    """An elementwise primitive: promotes its operands, then computes in the promoted type.

    Called with torch's keywords too: ``input=`` and ``other=`` for the operands, ``out=`` for where to write.
    """

    tensors: tuple[int, ...] = ()  # the operands that may not be numbers, as torch has it
    keeps_floats = True  # float32 and float64 are computed in as they are
    turns_images = True
    straight = True  # one such operand goes straight to the kernel, past `Primitive.__call__`; not while a trace is on

    def __init_subclass__(cls) -> None:
        if "keeps_floats" not in vars(cls) and vars(cls).keys() & {"run", "result_type"}:
            cls.keeps_floats = False
        cls.turns_images = cls.keeps_floats

    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__(forward)
        self.takes_one = self.keeps_floats and len(self.inputs) == 1

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        if self.takes_one and self.straight and len(inputs) == 1 and "out" not in params:
            x = inputs[0]
            if isinstance(x, TensorBase) and x._batch_last is None and x._array.dtype in _WIDE:
                device = x.device  # nothing to promote, nothing to agree on
                result = wrap(self.compute(device.xp, [x._array], params), device)
                if mode.grad and (x._requires_grad or x._base is not None):
                    self._record(inputs, params, result)
                return result
        if params:
            inputs = (*inputs, *(params.pop(name) for name in ("input", "other") if name in params))
            out = params.pop("out", None)
            if out is not None:
                return write_out(self(*inputs, **params), out, self.__name__)
        if len(inputs) != len(self.inputs):
            raise TypeError(f"{self.__name__}() takes {len(self.inputs)} operands but {len(inputs)} were given")
        if self.tensors:
            self.expect_tensors(inputs)
        try:
            return super().__call__(*inputs, **params)
        except RuntimeError:
            together = with_numbers_moved(inputs)
            if together is None:
                raise
        return super().__call__(*together, **params)

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = self.result_type(inputs)
        compute = result if result in _WIDE else _dtype.opmath(result)
        arrays = []
        for x in inputs:
            if isinstance(x, TensorBase):
                array = x._array
                arrays.append(array if array.dtype is compute else _cast(array, compute))
            else:
                arrays.append(_number(x, compute))
        try:
            out = self.compute(xp, arrays, params)
        except ValueError as error:
            explain_shapes(self.__name__, inputs, error)
        if compute is not result and out.dtype is compute:
            out = mode.quiet.run(out.astype, result)  # a half type may overflow
        return _in_first_layout(xp, arrays, out) if len(arrays) > 1 and out.ndim > 1 else out

    def expect_tensors(self, inputs: tuple[Any, ...]) -> None:
        """Raise torch's TypeError for a number in a place of `tensors`."""
        alone = len(self.tensors) == len(self.inputs)  # torch has no second form of the function that takes numbers
        for position in self.tensors:
            value = inputs[position]
            check(
                isinstance(value, TensorBase),
                lambda position=position, value=value: (
                    f"{self.__name__}(){'' if alone else ' received an invalid combination of arguments'}: argument "  # type: ignore[misc]
                    f"'{('input', 'other')[position]}' (position {position + 1}) must be Tensor, not "
                    f"{type(value).__name__}"
                ),
                TypeError,
            )

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        """The numpy type of the result: that of the tensors where all agree and no number outranks it."""
        common = None
        number = 0  # the highest category among the Python numbers
        for x in inputs:
            if isinstance(x, TensorBase):
                if common is None:
                    common = x._array.dtype
                elif common is not x._array.dtype:
                    return _dtype.result_type(*inputs).numpy
            else:
                number = max(number, _CATEGORY_OF_NUMBER.get(type(x), 3))
        if common is None or number > _CATEGORY_OF_KIND[common.kind]:
            return _dtype.result_type(*inputs).numpy
        return common


def _in_first_layout(xp: Any, arrays: list[Any], out: Array) -> Array:
    """`out` in the memory order of the first operand of its shape: torch's choice where operands disagree."""
    shape, strides = out.shape, out.strides
    for a in arrays:
        if getattr(a, "strides", strides) != strides or getattr(a, "shape", shape) != shape:
            break
    else:
        return out  # all lie in one way, and out as they do
    full = [a for a in arrays if getattr(a, "shape", None) == out.shape and 0 not in a.strides]
    if not full or full[0].strides == out.strides or all(a.strides == full[0].strides for a in full):
        return out
    ordered = xp.empty_like(full[0], dtype=out.dtype)
    ordered[...] = out
    return ordered


def by_blocks(xp: Any, function: Any, x: Array, *others: Array) -> Array:
    """function(x, ...) of arrays that lie alike, in blocks that stay in the cache from one step of it to the next.

    Threads share the blocks. Small arrays, and those that do not lie alike, are computed as a whole.
    """
    if not _in_blocks(x, *others):
        return function(x, *others).astype(x.dtype, copy=False)

    def write(out: Array, *parts: Array) -> None:
        out[...] = function(*parts)

    return into_blocks(xp, write, x, *others)


def written(xp: Any, write: Any, x: Array, *others: Array) -> Array:
    """The array that ``write(xp, out, x, ...)`` fills: by blocks as `by_blocks`, but each step writes into `out` itself."""
    if _in_blocks(x, *others):
        return into_blocks(xp, functools.partial(write, xp), x, *others)
    if x.flags.c_contiguous:
        out = xp.empty(x.shape, x.dtype)
    else:
        out = xp.empty_like(x, order="C" if 0 in x.strides else "K")  # what is expanded becomes row-major, as in torch
    write(xp, out, x, *others)
    return out


def into_blocks(xp: Any, write: Any, x: Array, *others: Array, room: Any = None) -> Array:
    """The same for ``write(out, x, ...)``, of arrays that are known to lie alike, row by row.

    With `room` it is ``write(out, x, ..., spare)``, where spare is what ``room(xp, n, dtype)`` made, rows of n elements,
    as far as the block reaches, and as the thread's block before has left them.
    """
    out = empty(xp, x.shape, x.dtype)
    flat = [a.reshape(-1) for a in (out, x, *others)]
    length = 2 * _BLOCK if room is None else _BLOCK  # what is spare takes its part of the cache
    if 0 < x.size <= length:
        write(*flat, *(() if room is None else (room(xp, x.size, x.dtype),)))
        return out
    rooms: dict[int, Array] = {}  # of each thread

    def work(block: int) -> None:
        parts = [a[block * length : (block + 1) * length] for a in flat]
        if room is not None:
            thread = get_ident()
            if thread not in rooms:
                rooms[thread] = room(xp, length, x.dtype)
            parts.append(rooms[thread][:, : len(parts[0])])
        write(*parts)

    share(work, -(-x.size // length), worth=_SHARED // length)
    return out


def _in_blocks(x: Array, *others: Array) -> bool:
    """Whether blocks are worth it, on a CPU, and possible: arrays of one shape and type, row by row in memory."""
    small = x.size < 2 * _BLOCK
    return (
        not small
        and isinstance(x, numpy.ndarray)
        and all(a.shape == x.shape and a.dtype == x.dtype and a.flags.c_contiguous for a in (x, *others))
    )


@lasting
@functools.cache
def constant(xp: Any, value: float, dtype: Any) -> Array:
    """A number as an array of no dimensions, which numpy takes sooner than a number of Python's."""
    return xp.asarray(value, dtype)


def vectorized(name: str) -> bool:
    """Whether numpy has the function for float32 in vector instructions of this processor, or element by element."""
    try:
        found = numpy.lib.introspect.opt_func_info(func_name=f"^{name}$", signature="float32")
        return "baseline" not in found[name]["ff"]["current"]
    except (AttributeError, KeyError):  # an older numpy, or one that was built without
        return False


@lasting
@functools.cache
def zeros(xp: Any, dtype: Any) -> Array:
    """As many zeros as a block has elements: numpy's maximum is three times as fast against an array as against a number."""
    found = xp.zeros(2 * _BLOCK, dtype)
    if xp is numpy:
        found.flags.writeable = False
    return found


@lasting
@functools.lru_cache(maxsize=256)
def _zeros_of(xp: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """`zeros` in a shape of no more elements."""
    return zeros(xp, dtype)[: math.prod(shape)].reshape(shape)


def rectified(xp: Any, x: Array) -> Array:
    """max(x, 0), nan kept, and -0: of equal operands maximum takes the second."""
    if x.size < 2 * _BLOCK and x.flags.c_contiguous:
        return xp.maximum(_zeros_of(xp, x.shape, x.dtype), x)
    if not _in_blocks(x):
        return xp.maximum(x.dtype.type(0), x)
    return into_blocks(xp, lambda out, x: xp.maximum(zeros(xp, x.dtype)[: x.size], x, out=out), x)


def zeroed(xp: Any, out: Array, x: Array, where: Array) -> None:
    """out <- x, 0 where `where` holds: an "and" of bits takes less than half the time of a choice."""
    if x.dtype.kind != "f":
        xp.copyto(out, xp.where(where, x.dtype.type(0), x))
        return
    kept = where.view(_BYTE)
    xp.subtract(kept, constant(xp, 1, _BYTE), out=kept)  # all bits where x stays
    bits = _BITS[x.itemsize]
    mask = out.view(bits)
    mask[...] = kept
    xp.bitwise_and(mask, x.view(bits), out=mask)


_BYTE = numpy.dtype("int8")
_BITS = {size: numpy.dtype(f"int{8 * size}") for size in (2, 4, 8)}


def rounded_once(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule with float16 and bfloat16 computed in float32: torch's backward kernels round only what they return.

    The sweep turns the gradient back.
    """

    @functools.wraps(rule)
    def wide(*args: Any) -> Any:
        return rule(*[x.float() if isinstance(x, TensorBase) and x._array.itemsize == 2 else x for x in args])  # type: ignore[attr-defined]

    return wide


_BLOCK = 1 << 16  # elements: few enough for the cache, and so many that calls cost little beside them
_SHARED = 1 << 19  # elements that are worth another thread
_WIDE = (numpy.dtype("float32"), numpy.dtype("float64"))  # computed in as they are
_CATEGORY_OF_NUMBER = {bool: 0, int: 1, float: 2}
_CATEGORY_OF_KIND = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}  # bfloat16 is of kind V


class Floating(Pointwise):
    """An elementwise primitive whose result is floating: integers become the default dtype."""

    keeps_floats = True

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        result = super().result_type(inputs)
        return result if result.kind in "fV" else _dtype.get_default_dtype().numpy


class Comparison(Pointwise):
    """An elementwise primitive that promotes its operands and gives bool; it has no gradient."""


class Bitwise(Pointwise):
    """An elementwise primitive on integers and bools only."""

    keeps_floats = False

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = _dtype.from_numpy(self.result_type(inputs))
        check(
            not result.is_floating_point,
            lambda: f"{self.__name__}(): not implemented for {result}; expected integers or bools",
            NotImplementedError,
        )
        return super().run(xp, inputs, params)


def _cast(array: Array, compute: Any) -> Array:
    """A copy in another type; what is expanded becomes row-major, as in torch."""
    return array.astype(compute, order="C" if 0 in array.strides else "K")


def _number(x: Any, compute: Any) -> Any:
    """A Python number as the kernel wants it: weak, so that the array's type decides."""
    if isinstance(x, numpy.generic):
        x = x.item()
    if compute.kind in "iu" and not isinstance(x, bool):
        check(
            -(2**63) <= x < 2**64,
            lambda: f"value cannot be converted to type int64_t without overflow: {x}",
            OverflowError,
        )
        return int(numpy.int64((x + 2**63) % 2**64 - 2**63).astype(compute))  # wraps, as torch's does
    return float(x) if compute.kind == "f" else x


def explain_shapes(name: str, inputs: tuple[Any, ...], error: Exception) -> None:
    """Say in torch's words which dimension does not broadcast."""
    shapes = [x.shape for x in inputs if isinstance(x, TensorBase)]
    for position, a in enumerate(shapes):
        for b in shapes[position + 1 :]:
            for back in range(1, min(len(a), len(b)) + 1):
                if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
                    raise RuntimeError(
                        f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) at "
                        f"non-singleton dimension {max(len(a), len(b)) - back} ({name}: {list(a)} and {list(b)})"
                    ) from error
    raise error


def write_out(result: Any, out: Any, name: str) -> Any:
    """Write a result into the tensor given as ``out=``, resized to fit when it is empty."""
    check(
        isinstance(out, TensorBase),
        lambda: f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}",
        TypeError,
    )
    check(
        not (result.requires_grad or out.requires_grad),
        lambda: (
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        ),
    )
    check(
        _dtype.can_cast(result.dtype, out.dtype),
        lambda: f"{name}(): result type {result.dtype} can't be cast to the desired output type {out.dtype}",
    )
    if out.device is not result.device:
        raise different_devices(name, [result.device, out.device])
    if out.shape != result.shape:
        check(
            out.numel() == 0,
            lambda: f"{name}(): out has shape {list(out.shape)}, but the result has shape {list(result.shape)}",
        )
        out._array = result._array.astype(out._array.dtype)
        out._version_cell[0] += 1
        return out
    return out.copy_(result)


def maybe_out(result: Any, out: Any, name: str) -> Any:
    """The result of a composite, written into ``out=`` where one is given."""
    return result if out is None else write_out(result, out, name)
