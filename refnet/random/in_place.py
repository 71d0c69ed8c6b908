"""Filling tensors at random in place: `uniform_`, `normal_`, `exponential_`, `cauchy_`, `log_normal_`, `geometric_`,
`bernoulli_`, `random_`.

Values are drawn in the order of the memory they go to: outermost stride first. So a dense tensor with permuted
dimensions (`.t()`, channels last) fills as its memory lies, and a view with gaps as the elements it sees lie.

A tensor on a GPU is filled by its device from its own stream (`philox_draws`); inside `draws_from_cpu`, it gets the values
that it would get on the CPU.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy

from refnet import _dtype, _tape
from refnet._check import check
from refnet._device import on_host, to_numpy
from refnet._inplace import check_writable, fill
from refnet._ops._args import MISSING, expect_one_device, type_name
from refnet._recording.active import opaque
from refnet._tape import TensorBase
from refnet.random import distributions, philox_draws
from refnet.random.distributions import outermost_first
from refnet.random.generator import engine_of
from refnet.random.mt19937 import MT19937
from refnet.random.philox import Philox

Array = Any
Draw = Callable[[Any, int, Any], Array]  # engine, count, numpy type -> that many values

_C_NAMES = {
    _dtype.bool_: "bool",
    _dtype.uint8: "unsigned char",
    _dtype.int8: "signed char",
    _dtype.int16: "short",
    _dtype.int32: "int",
    _dtype.int64: "long",
    _dtype.float16: "c10::Half",
    _dtype.bfloat16: "c10::BFloat16",
    _dtype.float32: "float",
    _dtype.float64: "double",
}
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_LIMITS: dict[_dtype.dtype, tuple[Any, Any]] = {  # the least and the largest value
    d: (0, 1)
    if d is _dtype.bool_
    else (_dtype.finfo(d).min, _dtype.finfo(d).max)
    if d.is_floating_point
    else (_dtype.iinfo(d).min, _dtype.iinfo(d).max)
    for d in _C_NAMES
}


def fill_from(self: Any, generator: Any, draw: Draw, name: str, *, at_once: bool = False) -> Any:
    """Write `draw`'s values into all of self, in the order of its memory; returns self.

    at_once: the draw depends on the count, and must be made in one call. Others are made for some thousand values at a
    time, which saves more time in the processor's cache than the calls take.
    """
    array = self._array
    engine = engine_of(generator, f"{name}_", array)
    if isinstance(engine, Philox):
        return fill(self, lambda memory: _draw_on_gpu(memory, engine, draw), name)
    if isinstance(array, numpy.ndarray):
        return fill(self, lambda memory: _tape.mode.quiet.run(_draw_into, memory, engine, draw, at_once), name)
    check_writable(self, name)
    values = distributions.host_like(array)
    _tape.mode.quiet.run(_draw_into, values, engine, draw, at_once)
    return fill(self, self.device.xp.asarray(values), name)


def draws_of(engine: MT19937 | Philox) -> Any:
    """The module with the distributions of an engine."""
    return distributions if isinstance(engine, MT19937) else philox_draws


def _draw_on_gpu(array: Array, engine: Philox, draw: Draw) -> None:
    if array.size:
        memory = array.transpose(outermost_first(array))
        values = _tape.mode.quiet.run(draw, engine, array.size, array.dtype)
        memory[...] = values.reshape(memory.shape)


@opaque
def _draw_into(array: Array, engine: MT19937, draw: Draw, at_once: bool) -> None:
    memory = array if array.flags.c_contiguous else array.transpose(outermost_first(array))
    n, kind = array.size, array.dtype
    if at_once or n <= distributions.CHUNK or not memory.flags.c_contiguous:
        memory[...] = draw(engine, n, kind).reshape(memory.shape)
        return
    flat = memory.reshape(-1)
    for start in range(0, n, distributions.CHUNK):
        part = flat[start : start + distributions.CHUNK]
        part[...] = draw(engine, len(part), kind)


def as_float(value: Any, name: str, position: int, function: str) -> float:
    """A number argument, or a 0-d tensor, as a Python float."""
    if type(value) is float:
        return value
    if isinstance(value, TensorBase) and value._array.ndim == 0:
        value = value._array.item()
    check(
        isinstance(value, int | float | numpy.number) and not isinstance(value, bool),
        lambda: f"{function}(): argument '{name}' (position {position}) must be float, not {type(value).__name__}",
        TypeError,
    )
    return float(value)


def as_int(value: Any, name: str, position: int, function: str) -> int:
    """An integer argument within 64 bits, or a 0-d tensor of one, as a Python int."""
    if type(value) is int and _INT64_MIN <= value <= _INT64_MAX:
        return value
    if isinstance(value, TensorBase) and value._array.ndim == 0:
        value = value._array.item()
    check(
        isinstance(value, int | numpy.integer) and not isinstance(value, bool),
        lambda: f"{function}(): argument '{name}' (position {position}) must be int, not {type(value).__name__}",
        TypeError,
    )
    check(_INT64_MIN <= value <= _INT64_MAX, lambda: f"Overflow when unpacking long long: {name}={value}", ValueError)
    return int(value)


def _check_floating(d: _dtype.dtype, kernel: str) -> None:
    check(
        d.is_floating_point,
        lambda: f"\"{kernel}\" not implemented for '{type_name(d)}'; expected a floating point dtype",
        NotImplementedError,
    )


def uniform_(self: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Any:
    """Fill self from the uniform distribution on [from_, to).

    RuntimeError unless from_ <= to, both and their distance within the range of the dtype; NotImplementedError for a
    dtype that is not floating.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> refnet.empty(3).uniform_(-1, 1)
    tensor([-0.0075,  0.5364, -0.8230])
    """
    low, high = as_float(from_, "from", 1, "uniform_"), as_float(to, "to", 2, "uniform_")
    check_writable(self, "uniform")
    d = self.dtype
    _check_floating(d, "check_uniform_bounds")
    largest = _LIMITS[d][1]
    for name, bound in (("from", low), ("to", high)):
        check(
            -largest <= bound <= largest,
            lambda name=name, bound=bound: f"{name} is out of bounds for {_C_NAMES[d]}: uniform_ got {name}={bound:g}",  # type: ignore[misc]
        )
    check(
        low <= high,
        lambda: f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}",
    )
    check(
        high - low <= largest,
        lambda: (
            f"uniform_ expects to-from <= std::numeric_limits<{type_name(d)}>::max(), but found to={high:g} and "
            f"from={low:g} which result in to-from to exceed the limit"
        ),
    )
    return fill_from(self, generator, lambda e, n, t: draws_of(e).uniform(e, n, t, low, high), "uniform")


def normal_(self: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Fill self from the normal distribution of the given mean and standard deviation.

    RuntimeError for a negative std, NotImplementedError for a dtype that is not floating.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> refnet.empty(3).normal_()
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    mean, std = as_float(mean, "mean", 1, "normal_"), as_float(std, "std", 2, "normal_")
    check_writable(self, "normal")
    _check_std(std)
    if self._array.size:
        _check_floating(self.dtype, "normal_kernel_cpu")
    dense = bool(self._array.flags.c_contiguous)
    return fill_from(
        self,
        generator,
        lambda e, n, t: draws_of(e).normal(e, n, t, mean, std, contiguous=dense),
        "normal",
        at_once=True,
    )


def _check_std(std: float) -> None:
    check(std >= 0, lambda: f"normal expects std >= 0.0, but found std {std:g}")


def exponential_(self: Any, lambd: float = 1.0, *, generator: Any = None) -> Any:
    """Fill self from the exponential distribution of rate `lambd`, whose density is lambd exp(-lambd x).

    RuntimeError for a rate that is not positive, and for a dtype that is not floating.
    """
    rate = as_float(lambd, "lambd", 1, "exponential_")
    check_writable(self, "exponential")
    check(rate > 0, lambda: f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    check(
        self.dtype.is_floating_point or self._array.size == 0,
        lambda: (
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {type_name(self.dtype)}"
        ),
    )
    return fill_from(self, generator, lambda e, n, t: draws_of(e).exponential(e, n, t, rate), "exponential")


def cauchy_(self: Any, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Any:
    """Fill self from the Cauchy distribution, of density sigma / (pi (sigma^2 + (x - median)^2)).

    RuntimeError for a sigma that is not positive, and for a dtype that is not floating.
    """
    median, sigma = as_float(median, "median", 1, "cauchy_"), as_float(sigma, "sigma", 2, "cauchy_")
    check_writable(self, "cauchy")
    check(sigma > 0, lambda: f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    check(
        self.dtype.is_floating_point,
        lambda: (
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {type_name(self.dtype)}"
        ),
    )
    return fill_from(self, generator, lambda e, n, t: draws_of(e).cauchy(e, n, t, median, sigma), "cauchy")


def log_normal_(self: Any, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Any:
    """Fill self with exp(x) for normal x of the given mean and standard deviation.

    RuntimeError for a std that is not positive, NotImplementedError for a dtype that is not floating.
    """
    mean, std = as_float(mean, "mean", 1, "log_normal_"), as_float(std, "std", 2, "log_normal_")
    check_writable(self, "log_normal")
    check(std > 0, lambda: f"log_normal_ expects std > 0.0, but found std={std:g}")
    if self._array.size:
        _check_floating(self.dtype, "log_normal_cpu")
    return fill_from(self, generator, lambda e, n, t: draws_of(e).log_normal(e, n, t, mean, std), "log_normal")


def geometric_(self: Any, p: float, *, generator: Any = None) -> Any:
    """Fill self with the number of trials until the first success, of probability p: P(k) = (1 - p)^(k - 1) p.

    RuntimeError for a p outside (0, 1), NotImplementedError for bool.
    """
    p = as_float(p, "p", 1, "geometric_")
    check_writable(self, "geometric")
    check(0 < p < 1, lambda: f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    check(
        self.dtype is not _dtype.bool_ or self._array.size == 0,
        lambda: "\"geometric_cpu\" not implemented for 'Bool'; expected a number type",
        NotImplementedError,
    )
    return fill_from(self, generator, lambda e, n, t: draws_of(e).geometric(e, n, t, p), "geometric")


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Fill self with ones and zeros: one with probability p, a number or a tensor that broadcasts to self.

    RuntimeError for a probability outside [0, 1], NotImplementedError for a tensor of probabilities that is not
    floating. Probabilities on a GPU are checked there, and the host waits for the answer.

    >>> import refnet
    >>> _ = refnet.manual_seed(1)
    >>> refnet.empty(5).bernoulli_(0.3)
    tensor([1., 1., 1., 1., 0.])
    """
    if isinstance(p, TensorBase):
        return _bernoulli_each(self, p, generator)
    p = as_float(p, "p", 1, "bernoulli_")
    check_writable(self, "bernoulli")
    check(0 <= p <= 1, lambda: f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return fill_from(self, generator, lambda e, n, t: draws_of(e).bernoulli(e, n, p, t), "bernoulli")


def _bernoulli_each(self: Any, p: Any, generator: Any) -> Any:
    check_writable(self, "bernoulli")
    shape, size = p._array.shape, self._array.shape
    check(
        len(shape) <= len(size) and all(a in (1, b) for a, b in zip(shape[::-1], size[::-1], strict=False)),
        lambda: (
            f"bernoulli_(): the probabilities of shape {list(shape)} cannot be expanded to the tensor's {list(size)}"
        ),
    )
    _check_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    expect_one_device("bernoulli_", self, p)
    array = self._array
    engine = engine_of(generator, "bernoulli_", array)
    probabilities = p._array if isinstance(engine, Philox) else to_numpy(p._array)
    check(
        not on_host(probabilities) or bool(((probabilities >= 0) & (probabilities <= 1)).all()),
        lambda: "Expected p_in >= 0 && p_in <= 1 to be true, but got false: bernoulli expects probabilities in [0, 1]",
    )
    if isinstance(engine, Philox):
        wide = probabilities.astype(numpy.float64 if array.dtype == numpy.float64 else numpy.float32)
        spread = self.device.xp.broadcast_to(wide, size)
        return fill(self, lambda memory: _bernoulli_on_gpu(memory, engine, spread), "bernoulli")
    laid_out = numpy.broadcast_to(probabilities, size).transpose(outermost_first(array)).reshape(-1)
    return fill_from(
        self, generator, lambda e, n, t: distributions.bernoulli_each(e, laid_out), "bernoulli", at_once=True
    )


def _bernoulli_on_gpu(array: Array, engine: Philox, probabilities: Array) -> None:
    if array.size:
        order = _swapped_where_both_fall(array, probabilities)
        memory = array.transpose(order)
        memory[...] = philox_draws.bernoulli_each(engine, probabilities.transpose(order))


def _swapped_where_both_fall(a: Array, b: Array) -> list[int]:
    """The order of dimensions in which torch's kernel for two arrays of one shape runs through them.

    Dimensions i < j, none of size 1, change places where that puts a larger stride of one array first, and of none behind.
    """
    order, shape = list(range(a.ndim)), a.shape
    for i in range(a.ndim - 1):
        for j in range(i + 1, a.ndim):
            if shape[order[i]] != 1 and shape[order[j]] != 1:
                steps = [x.strides[order[j]] - x.strides[order[i]] for x in (a, b)]
                if max(steps) > 0 and min(steps) >= 0:
                    order[i], order[j] = order[j], order[i]
    return order


def random_(self: Any, from_: Any = MISSING, to: Any = MISSING, *, generator: Any = None) -> Any:
    """Fill self with uniform integers: random_(), random_(to) or random_(from_, to).

    - without bounds: from 0 to the largest integer of the dtype, or to 2^d for a floating type of d digits;
    - from 0, or `from_`, up to but not including `to`; with None for `to`, up to the largest.

    RuntimeError unless from_ < to, and for bounds that the dtype does not hold. A warning for a floating dtype that
    holds the bounds but not all integers between them.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> refnet.empty(5, dtype=refnet.uint8).random_(10)
    tensor([4, 9, 3, 0, 3], dtype=refnet.uint8)
    """
    if to is MISSING:
        if from_ is MISSING:
            return fill_from(self, generator, lambda e, n, t: draws_of(e).bits(e, n, t), "random")
        from_, to = 0, from_
        check(
            to is not None,
            lambda: (
                "random_() received an invalid combination of arguments - got (NoneType), expected (), (to) or (from, to)"
            ),
            TypeError,
        )
    elif from_ is MISSING:
        from_ = 0
    low = as_int(from_, "from", 1, "random_")
    check_writable(self, "random")
    low, count = _span(self.dtype, low, None if to is None else as_int(to, "to", 2, "random_"))
    return fill_from(self, generator, lambda e, n, t: draws_of(e).integers(e, n, t, low, count), "random")


def _span(d: _dtype.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The first integer to draw and their number, for bounds as `random_` takes them."""
    digits = distributions.DIGITS.get(d.numpy)
    if high is None:
        if low == _INT64_MIN:
            check(
                d is _dtype.int64 or digits is not None,
                lambda: f"\"random_full_64_bits_range_kernel_cpu\" not implemented for '{type_name(d)}'",
                NotImplementedError,
            )
            return 0, 1 << 64
        last = _largest(d)
        if digits is not None:
            low = _round_up(low, d, digits)
            check(
                low < last,
                lambda: (
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but "
                    f"got from={low} > to_inc={last}"
                ),
            )
        _check_range(low, last, d, digits, "to_inc")
        return low, last - low + 1
    check(
        low < high,
        lambda: f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}",
    )
    if digits is not None:
        low, high = _round_up(low, d, digits), _round_down(high, d, digits)
        check(
            low < high,
            lambda: (
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
                f"from={low} >= to={high}"
            ),
        )
    _check_range(low, high - 1, d, digits, "to - 1")
    return low, high - low


def _largest(d: _dtype.dtype) -> int:
    digits = distributions.DIGITS.get(d.numpy)
    if digits is not None:
        return 1 << digits
    return int(_LIMITS[d][1])


def _cast(value: int, d: _dtype.dtype) -> int:
    """An integer through the floating type d and back; beyond its range, the smallest int64, as a C cast gives."""
    through = numpy.float32 if d.numpy in _dtype.HALF else numpy.float64  # as compiled code converts to a half type
    with numpy.errstate(over="ignore"):
        rounded = float(numpy.asarray(value).astype(through).astype(d.numpy))
    return int(rounded) if _INT64_MIN <= rounded < -_INT64_MIN else _INT64_MIN


def _round_up(low: int, d: _dtype.dtype, digits: int) -> int:
    """`low`, or the next value of the type if the type rounds low + 1 below it."""
    nearest = _cast(low + 1, d)
    return nearest + (1 << max(abs(low + 1).bit_length() - digits, 0)) if nearest < low else low


def _round_down(high: int, d: _dtype.dtype, digits: int) -> int:
    """`high`, or the value of the type before it if the type rounds high - 1 up to it or beyond."""
    nearest = _cast(high - 1, d)
    return nearest - (1 << max(abs(high - 1).bit_length() - digits, 0)) if nearest >= high else high


def _check_range(low: int, last: int, d: _dtype.dtype, digits: int | None, last_name: str) -> None:
    least, largest = _LIMITS[d]
    for name, bound in (("from", low), (last_name, last)):
        check(
            least <= bound <= largest,
            lambda name=name, bound=bound: f"{name} is out of bounds for {_C_NAMES[d]}: random_ got {name}={bound}",  # type: ignore[misc]
        )
        if digits is not None and abs(bound) > 1 << digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {_C_NAMES[d]} can "
                "support discrete uniform distribution only within this range.",
                UserWarning,
                stacklevel=4,
            )
