"""Random tensors under torch's names; the in-place fills are in `in_place`, and are names of this file too."""

from typing import Any

import numpy

from refnet import _dtype, _tape
from refnet._check import check
from refnet._device import empty_in_layout, placed, to_numpy
from refnet._inplace import fill
from refnet._memory_format import ORDER, contiguous_format, memory_format, preserve_format
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import sizes_of
from refnet._tape import Primitive, TensorBase
from refnet.random import distributions
from refnet.random.generator import engine_of
from refnet.random.in_place import as_float, as_int, draws_of, fill_from
from refnet.random.in_place import bernoulli_ as bernoulli_
from refnet.random.in_place import cauchy_ as cauchy_
from refnet.random.in_place import exponential_ as exponential_
from refnet.random.in_place import geometric_ as geometric_
from refnet.random.in_place import log_normal_ as log_normal_
from refnet.random.in_place import normal_ as normal_
from refnet.random.in_place import random_ as random_
from refnet.random.in_place import uniform_ as uniform_
from refnet.random.mt19937 import MT19937

Array = Any


def _sizes(sizes: tuple[Any, ...], size: Any, name: str) -> tuple[int, ...]:
    check(
        bool(sizes) != (size is not None),
        lambda: (
            f"{name}() received an invalid combination of arguments: expected a size, {name}(2, 3) or {name}((2, 3))"
        ),
        TypeError,
    )
    sizes = sizes if size is None else (size,)
    for n in sizes:
        check(
            not isinstance(n, bool),
            lambda: f"{name}(): argument 'size' (position 1) must be tuple of ints, not bool",
            TypeError,
        )
    shape = sizes_of(sizes, name)
    for n in shape:
        check(n >= 0, lambda n=n: f"Trying to create tensor with negative dimension {n}: {list(shape)}")  # type: ignore[misc]
    return shape


def _new(shape: tuple[int, ...], dtype: Any, default: _dtype.dtype, device: Any, out: Any, name: str) -> Any:
    """A tensor to be filled: a fresh one, or `out`, resized."""
    if dtype is not None:
        _dtype.check_dtype(dtype, name)
    if out is None:
        where = placed(device)
        return _tape.wrap(where.xp.empty(shape, (dtype or default).numpy), where)
    check(
        isinstance(out, TensorBase),
        lambda: f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}",
        TypeError,
    )
    check(
        dtype is None or out.dtype is dtype,
        lambda: f"{name}(): dtype {type_name(dtype)} does not match dtype of out parameter ({type_name(out.dtype)})",
    )
    _check_no_gradient(name, [out])
    if out._array.shape != shape:
        out._array = out.device.xp.empty(shape, out._array.dtype)
    return out


def _check_no_gradient(name: str, tensors: list[Any]) -> None:
    check(
        not (_tape.mode.grad and any(x.requires_grad for x in tensors)),
        lambda: (
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        ),
    )


def _new_like(input: Any, dtype: Any, device: Any, layout: memory_format, name: str) -> Any:
    """A tensor to be filled, in input's shape and, where dense, its strides."""
    expect_tensor(input, name)
    kind = input.dtype if dtype is None else _dtype.check_dtype(dtype, name)
    where = input.device if device is None else placed(device)
    order = ORDER[layout]
    if order == "channels_last":
        shape = input.shape
        values = where.xp.empty((shape[0], *shape[2:], shape[1]), kind.numpy)
        return _tape.wrap(where.xp.moveaxis(values, -1, 1), where)
    if order == "C":
        return _tape.wrap(where.xp.empty(input._array.shape, kind.numpy), where)
    return _tape.wrap(empty_in_layout(input._array, where, kind.numpy), where)


def _track(made: Any, requires_grad: bool) -> Any:
    return made.requires_grad_() if requires_grad else made


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Uniform values on [0, 1): rand(2, 3) or rand((2, 3)).

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> rand(2, 2)
    tensor([[0.4963, 0.7682],
            [0.0885, 0.1320]])
    """
    made = _new(_sizes(sizes, size, "rand"), dtype, _dtype.get_default_dtype(), device, out, "rand")
    return _track(uniform_(made, generator=generator), requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Standard normal values: randn(2, 3) or randn((2, 3)).

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> randn(2, 2)
    tensor([[ 1.5410, -0.2934],
            [-2.1788,  0.5684]])
    """
    made = _new(_sizes(sizes, size, "randn"), dtype, _dtype.get_default_dtype(), device, out, "randn")
    return _track(normal_(made, generator=generator), requires_grad)


def randint(
    *bounds_and_size: Any,
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Uniform integers of [low, high), int64 unless told otherwise: randint(high, size) or randint(low, high, size).

    RuntimeError unless low < high, and for bounds that the dtype does not hold.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> randint(3, 10, (4,))
    tensor([7, 6, 3, 5])
    """
    given = list(bounds_and_size)
    if size is None and given:
        size = given.pop()
    if high is None and given:
        high = given.pop()
    if given:
        low = given.pop()
    check(
        not given and high is not None and size is not None,
        lambda: (
            "randint() received an invalid combination of arguments: expected randint(high, size) or "
            "randint(low, high, size)"
        ),
        TypeError,
    )
    check(
        isinstance(size, tuple | list),
        lambda: f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}",
        TypeError,
    )
    low, high = as_int(low, "low", 1, "randint"), as_int(high, "high", 2, "randint")
    made = _new(_sizes((), size, "randint"), dtype, _dtype.int64, device, out, "randint")
    return _track(random_(made, low, high, generator=generator), requires_grad)


def randperm(
    n: int,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """A random permutation of 0, ..., n-1, int64 unless told otherwise.

    RuntimeError for a negative n and for a dtype that does not hold n - 1; NotImplementedError for bool.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    n = as_int(n, "n", 1, "randperm")
    made = _new(_sizes((), (n,), "randperm"), dtype, _dtype.int64, device, out, "randperm")
    d = made.dtype
    check(
        d is not _dtype.bool_,
        lambda: "\"randperm\" not implemented for 'Bool'; expected a number type",
        NotImplementedError,
    )
    digits = distributions.DIGITS.get(d.numpy)
    if digits is None:
        check(
            n - 1 <= _dtype.iinfo(d).max,
            lambda: f"value cannot be converted to type {d.name}_t without overflow: randperm() got n={n}",
        )
    elif d is not _dtype.bfloat16:  # for which torch does not check
        limit = "2049" if digits == 11 else f"2^{digits}+1"
        check(n <= (1 << digits) + 1, lambda: f"n cannot be greater than {limit} for {type_name(d)} type.")
    return _track(
        fill_from(made, generator, lambda e, count, t: draws_of(e).permutation(e, count), "randperm", at_once=True),
        requires_grad,
    )


def rand_like(
    input: Any,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Any:
    """`rand` in the shape, dtype, device and memory layout of input, unless told otherwise."""
    made = _new_like(input, dtype, device, memory_format, "rand_like")
    return _track(uniform_(made, generator=generator), requires_grad)


def randn_like(
    input: Any,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Any:
    """`randn` in the shape, dtype, device and memory layout of input, unless told otherwise."""
    made = _new_like(input, dtype, device, memory_format, "randn_like")
    return _track(normal_(made, generator=generator), requires_grad)


def randint_like(
    input: Any,
    *bounds: Any,
    low: Any = 0,
    high: Any = None,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Any:
    """`randint` in the shape, dtype (a floating one too), device and memory layout of input, unless told otherwise.

    randint_like(input, high) or randint_like(input, low, high).
    """
    given = list(bounds)
    if high is None and given:
        high = given.pop()
    if given:
        low = given.pop()
    check(
        not given and high is not None,
        lambda: (
            "randint_like() received an invalid combination of arguments: expected (input, high) or (input, low, high)"
        ),
        TypeError,
    )
    low, high = as_int(low, "low", 2, "randint_like"), as_int(high, "high", 3, "randint_like")
    made = _new_like(input, dtype, device, memory_format, "randint_like")
    return _track(random_(made, low, high, generator=generator), requires_grad)


@Primitive
def _drawn(xp: Any, x: Array, y: Any = None, *, values: Array) -> Array:
    """out = values, drawn with x and y for parameters. The value of a draw does not vary with them: dL/dx = 0"""
    return values


_drawn.vjp(x=lambda g, x_shape: g.new_zeros(x_shape), y=lambda g, y_shape: g.new_zeros(y_shape))


def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
    """Ones and zeros in the shape and dtype of input: one with the probability that input, or the number p, gives.

    RuntimeError for a probability outside [0, 1]; NotImplementedError for an input that is not floating, without p.
    The gradient with respect to the probabilities is zero.

    >>> import refnet
    >>> bernoulli(refnet.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    expect_tensor(input, "bernoulli")
    if out is not None:
        _check_no_gradient("bernoulli", [input])
        return bernoulli_(_new(input.shape, None, input.dtype, None, out, "bernoulli"), input, generator=generator)
    made = _new_like(input, None, None, contiguous_format, "bernoulli")
    bernoulli_(made, input if p is None else p, generator=generator)
    return _drawn(input, values=made._array) if input.requires_grad and p is None else made


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Normal values whose mean and standard deviation are numbers (with a size) or tensors (in their common shape).

    RuntimeError for a negative standard deviation; of a tensor on a GPU, the host waits for the answer. The gradient with
    respect to both is zero.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> normal(refnet.tensor([0.0, 100.0]), 1.0)
    tensor([ 1.5410, 99.7066])
    """
    if size is not None:
        mean, std = as_float(mean, "mean", 1, "normal"), as_float(std, "std", 2, "normal")
        check(
            isinstance(size, tuple | list),
            lambda: f"normal(): argument 'size' (position 3) must be tuple of ints, not {type(size).__name__}",
            TypeError,
        )
        made = _new(_sizes((), size, "normal"), dtype, _dtype.get_default_dtype(), device, out, "normal")
        return _track(normal_(made, mean, std, generator=generator), requires_grad)
    tensors = [x for x in (mean, std) if isinstance(x, TensorBase)]
    check(
        bool(tensors),
        lambda: (
            "normal() received an invalid combination of arguments: two numbers need a size, normal(mean, std, size)"
        ),
        TypeError,
    )
    shapes = [x._array.shape for x in tensors]
    if isinstance(out, TensorBase):
        _check_no_gradient("normal", tensors)
        if not isinstance(std, TensorBase):  # then torch gives std the shape of `out`
            shapes.append(out._array.shape)
    shape = _common_shape(shapes, "normal", ("mean", "std"))
    made = _new(shape, None, tensors[0].dtype, tensors[0].device, out, "normal")
    with _tape.set_grad(False):
        if isinstance(std, TensorBase):
            check(bool((std._array >= 0).all()), lambda: "normal expects all elements of std >= 0.0")
            normal_(made, generator=generator).mul_(std).add_(mean)
        else:
            normal_(made, 0.0, std, generator=generator).add_(mean)
    if out is None and any(x.requires_grad for x in tensors):  # type: ignore[attr-defined]
        return _drawn(*tensors, values=made._array)
    return made


def _common_shape(shapes: list[tuple[int, ...]], name: str, of: tuple[str, str]) -> tuple[int, ...]:
    try:
        return numpy.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(
            f"{name}(): the shapes of {of[0]} {list(shapes[0])} and {of[1]} {list(shapes[1])} cannot be broadcast together"
        ) from None


def poisson(input: Any, generator: Any = None) -> Any:
    """Poisson values in the shape and dtype of input, each with the rate that input gives.

    RuntimeError for a negative rate or nan, NotImplementedError for an input that is not floating. The gradient with
    respect to the rates is zero. On a GPU the host waits for a check of the rates, and for each round of rejections.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> poisson(refnet.tensor([1.0, 5.0, 20.0]))
    tensor([ 2.,  6., 19.])
    """
    expect_tensor(input, "poisson")
    engine = engine_of(generator, "poisson", input._array)
    check(
        input.dtype.is_floating_point,
        lambda: f"\"poisson_cpu\" not implemented for '{type_name(input.dtype)}'; expected a floating point dtype",
        NotImplementedError,
    )
    rates = _parameter(input, engine)
    check(
        bool((rates >= 0).all()),
        lambda: f"invalid Poisson rate, expected rate to be non-negative, got {rates[~(rates >= 0)][0]}",
    )
    drawn = draws_of(engine).poisson(engine, rates.astype(numpy.float64).reshape(-1))
    return _as_drawn(drawn.astype(_dtype.opmath(rates.dtype)).astype(rates.dtype).reshape(rates.shape), input)


def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """Successes in `count` trials of probability `prob`, in the common shape of the two.

    ValueError for a count that is not floating; RuntimeError where the types differ, or for a count of nan. The
    gradient with respect to the probabilities is zero. On a GPU the host waits for each round of rejections.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> binomial(refnet.tensor([10.0, 100.0]), refnet.tensor([0.3, 0.6]))
    tensor([ 6., 62.])
    """
    expect_tensor(count, "binomial", "count")
    expect_tensor(prob, "binomial", "prob", 2)
    engine = engine_of(generator, "binomial", count._array)
    check(
        count.dtype.is_floating_point,
        lambda: f"binomial only supports floating-point dtypes for count, got: {type_name(count.dtype)}",
        ValueError,
    )
    check(
        prob.dtype.is_floating_point,
        lambda: f"binomial only supports floating-point dtypes for prob, got: {type_name(prob.dtype)}",
        ValueError,
    )
    check(
        count.dtype is prob.dtype,
        lambda: f"binomial(): found dtype {type_name(prob.dtype)} for prob but expected {type_name(count.dtype)}",
    )
    check(
        count.dtype.numpy not in _dtype.HALF,
        lambda: f"\"binomial_cpu\" not implemented for '{type_name(count.dtype)}'; expected float32 or float64",
        NotImplementedError,
    )
    shape = _common_shape([count._array.shape, prob._array.shape], "binomial", ("count", "prob"))
    xp = numpy if isinstance(engine, MT19937) else engine.xp
    counts, probabilities = (xp.broadcast_to(_parameter(x, engine), shape).reshape(-1) for x in (count, prob))
    check(not bool(xp.isnan(counts).any()), lambda: "binomial expects counts that are numbers, but found nan")
    return _as_drawn(draws_of(engine).binomial(engine, counts, probabilities).reshape(shape), count, prob)


def _parameter(x: Any, engine: Any) -> Array:
    """The array of a tensor, in host memory where the engine draws there."""
    return to_numpy(x._array) if isinstance(engine, MT19937) else x._array


def _as_drawn(values: Array, *parameters: Any) -> Any:
    """Drawn values as a tensor, whose gradient with respect to the tensors that were parameters is zero."""
    device = parameters[0].device
    values = device.xp.asarray(values)
    if any(x.requires_grad for x in parameters):
        return _drawn(*parameters, values=values)
    return _tape.wrap(values, device)


def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Any:
    """Draw `num_samples` indices from every row of weights; int64, (n) -> (num_samples) or (m, n) -> (m, num_samples).

    The weights of a row need not sum to one. RuntimeError for weights that are negative, not finite or all zero, and
    for more samples without replacement than there are weights. Weights on a GPU are checked there, and the host waits.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> multinomial(refnet.tensor([0.0, 10.0, 3.0, 0.0]), 4, replacement=True)
    tensor([2, 1, 1, 2])
    """
    expect_tensor(input, "multinomial")
    count = as_int(num_samples, "num_samples", 2, "multinomial")
    engine = engine_of(generator, "multinomial", input._array)
    weights = _parameter(input, engine)
    check(weights.ndim in (1, 2), lambda: f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    check(
        input.dtype.is_floating_point,
        lambda: f"multinomial only supports floating-point dtypes for input, got: {type_name(input.dtype)}",
    )
    check(
        out is None or (isinstance(out, TensorBase) and out.dtype is _dtype.int64),
        lambda: (
            f"multinomial expects Long tensor out, got: {type_name(out.dtype) if isinstance(out, TensorBase) else type(out).__name__}"
        ),
    )
    check(count > 0, lambda: f"cannot sample n_sample <= 0 samples, got {count}")
    categories = weights.shape[-1]
    check(
        replacement or count <= categories,
        lambda: f"cannot sample n_sample > prob_dist.size(-1) samples without replacement, got {count} > {categories}",
    )
    check(categories <= 1 << 24, lambda: f"number of categories cannot exceed 2^24, got {categories}")
    _check_weights(weights, by_row=bool(replacement) and count > 1)
    rows = weights.reshape(1, -1) if weights.ndim == 1 else weights
    drawn = _tape.mode.quiet.run(draws_of(engine).multinomial, engine, rows, count, bool(replacement))
    made = _new((*weights.shape[:-1], count), None, _dtype.int64, input.device, out, "multinomial")
    return fill(made, made.device.xp.asarray(drawn.reshape(made.shape)), "multinomial")


def _check_weights(weights: Array, by_row: bool) -> None:
    """torch words the same complaint in two ways: with replacement, entry by entry; otherwise, of the whole tensor."""
    if by_row:
        check(
            bool((weights >= 0).all()), lambda: "invalid multinomial distribution (encountering probability entry < 0)"
        )
        check(
            bool((weights < numpy.inf).all()),
            lambda: "invalid multinomial distribution (encountering probability entry = infinity or NaN)",
        )
    else:
        check(
            bool(((weights < numpy.inf) & (weights >= 0)).all()),
            lambda: "probability tensor contains either `inf`, `nan` or element < 0",
        )
    check(
        bool((weights.sum(axis=-1, dtype=numpy.float64) > 0).all()),
        lambda: "invalid multinomial distribution (sum of probabilities <= 0)",
    )
