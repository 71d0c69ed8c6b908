"""The verdict for anybody's arrays: in a script, a notebook, a pytest.

>>> import numpy
>>> x = numpy.linspace(-2, 2, 33, dtype="float32")
>>> assert_conforms(numpy.tanh(x), "tanh", x)
>>> print(judge(numpy.tanh(x.astype("float16")).astype("float32"), "tanh", x).cause)
equals the truth rounded to float16
"""

import operator
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from conformance.case import GRADIENT, OUTPUT, Arguments, Case, Operation
from conformance.draw import Array, Draw, is_floating
from conformance.judging import judge_tensor
from conformance.oracle import Truth
from conformance.verdict import AS_GOOD_AS_TORCH, WITHIN_BOUND, Verdict

Reference = str | Callable[..., Any]


def judge(
    candidate: Any,
    reference: Reference,
    inputs: Any,
    params: Mapping[str, Any] | None = None,
    *,
    output: int | None = None,
    gradient: int | str | None = None,
    cotangent: Any = None,
    exact: bool = False,
) -> Verdict:
    """The verdict on one array that is meant to be `reference(*inputs, **params)`, or a gradient of it.

    Parameters
    ----------
    candidate
        What your implementation gave: a numpy array, or anything with `__array__` or `__dlpack__` (a torch tensor).
        Its shape and dtype are judged too.
    reference
        What it should be: a function of torch tensors (`torch.nn.functional.conv2d`, a lambda over torch operations),
        or torch's name for it (`"nn.functional.conv2d"`). It must work at float64 when its inputs are float64, so that
        it can serve as the oracle.
    inputs
        The positional arguments; arrays become tensors, everything else (numbers, tuples, None) is passed on. A single
        array may stand alone.
    params
        The keyword arguments, likewise.
    output
        Which result, where the reference returns several.
    gradient
        The position (or keyword) of the input whose gradient `candidate` is; None: it is the output.
    cotangent
        dL/d(output), of the output's shape and dtype; needed with `gradient` (no cotangent of ones is assumed: under it
        many wrong gradients look right). With several outputs a sequence, None for those that L does not depend on.
    exact
        NaN, infinities and signed zeros must be torch's own.

    Returns the `Verdict`; `print` it to read the evidence. Raises ValueError where the question makes no sense, or where
    torch refuses the inputs.
    """
    mine = _array(candidate)
    args = inputs if isinstance(inputs, tuple | list) else (inputs,)
    case = _case(reference, tuple(args), dict(params or {}), gradient is not None, exact)
    truth = Truth(case, case.sample())
    refused = truth.forward.raised.get(OUTPUT)
    if refused is not None:
        raise ValueError(f"torch refuses these inputs: {refused.kind}: {refused.message}")
    if gradient is None:
        return judge_tensor(truth, (OUTPUT, _output_name(truth, output)), mine)
    if cotangent is None:
        raise ValueError(
            "a gradient is judged under a cotangent, dL/d(output): pass cotangent=, with random numbers in it"
        )
    seeds = cotangent if isinstance(cotangent, tuple | list) else (cotangent,)
    truth.under([None if seed is None else _array(seed) for seed in seeds])
    name = str(gradient)
    names = [n for n, wanted in zip(truth.sample.names, truth.sample.differentiable, strict=True) if wanted]
    if name not in names:
        raise ValueError(f"gradient={gradient!r} is no floating input; there are {', '.join(names) or 'none'}")
    failed = truth.reference.raised.get(GRADIENT)
    if failed is not None:
        raise ValueError(f"torch has no gradient here: {failed.kind}: {failed.message}")
    if truth.references[(GRADIENT, name)] is None:
        raise ValueError(f"in torch no gradient reaches input {name}")
    return judge_tensor(truth, (GRADIENT, name), mine)


def assert_conforms(
    candidate: Any,
    reference: Reference,
    inputs: Any,
    params: Mapping[str, Any] | None = None,
    *,
    grade: str = "B",
    **options: Any,
) -> None:
    """AssertionError with the evidence unless `candidate` is what `reference(*inputs, **params)` should be.

    `grade="A"` wants it as good as torch; "B" (the default) also takes what ill-conditioning and sums in another order
    explain. The other arguments are those of `judge`.

    >>> import numpy
    >>> x = numpy.linspace(-2, 2, 33, dtype="float32")
    >>> assert_conforms(numpy.tanh(x) * numpy.float32(1.001), "tanh", x)
    Traceback (most recent call last):
    ...
    AssertionError: tanh: FAIL: bound
    """
    __tracebackhide__ = True  # pytest shows the line that calls, and the evidence
    if grade not in ("A", "B"):
        raise ValueError(f"grade is 'A' or 'B', got {grade!r}")
    verdict = judge(candidate, reference, inputs, params, **options)
    if verdict.ok and not (grade == "A" and verdict.grade == WITHIN_BOUND):
        return
    name = reference if isinstance(reference, str) else getattr(reference, "__name__", repr(reference))
    wanted = f"\n(grade A was asked for: {AS_GOOD_AS_TORCH})" if verdict.ok else ""
    raise AssertionError(f"{name}: {verdict}{wanted}")


def _array(value: Any) -> Array:
    """numpy's view of an array of any library; bfloat16 tensors of torch become ml_dtypes'."""
    if isinstance(value, numpy.ndarray | numpy.generic):
        return numpy.asarray(value)
    if type(value).__module__.partition(".")[0] == "torch":
        from conformance.candidates.torch import Torch

        return Torch().to_array(value.cpu())
    return numpy.asarray(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, numpy.ndarray | numpy.generic) or hasattr(value, "__dlpack__")


def _leaves(value: Any) -> list[Any]:
    """What stands in lists and tuples, however deep."""
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list | tuple) else [value]


def _given(value: Any) -> Any:
    """An array as a recipe that always draws just it, in lists and tuples too."""
    if isinstance(value, list | tuple):
        return type(value)([_given(item) for item in value])
    if not _is_array(value):
        return value
    array = _array(value)
    return Draw(f"[{','.join(map(str, array.shape))}]", lambda *_: array, array.dtype.name)


def _case(reference: Reference, args: tuple[Any, ...], params: dict[str, Any], order: bool, exact: bool) -> Case:
    arguments = Arguments(tuple(map(_given, args)), {name: _given(value) for name, value in params.items()})
    arrays = [_array(leaf) for leaf in _leaves([*args, *params.values()]) if _is_array(leaf)]
    dtypes = [array.dtype.name for array in arrays if is_floating(array)]
    operation = _operation(reference)
    checks = frozenset({OUTPUT, GRADIENT} if order else {OUTPUT})
    return Case(operation, arguments, dtypes[0] if dtypes else "float32", checks, (), exact=exact)


def _operation(reference: Reference) -> Operation:
    if isinstance(reference, str):
        return Operation(re.sub(r"^(torch\.)", "", reference))
    known = _name_in_torch(reference)
    name = getattr(reference, "__name__", "reference")
    return Operation(known) if known else Operation(name, lambda torch, *a, **k: reference(*a, **k))


def _name_in_torch(function: Callable[..., Any]) -> str:
    """What torch calls the function, if it is one of its own: then more is known of it than what it returns."""
    name, torch = getattr(function, "__name__", ""), sys.modules.get("torch")
    for path in ("", "nn.functional.", "linalg.", "special."):
        try:
            if name and operator.attrgetter(f"{path}{name}")(torch) is function:
                return f"{path}{name}"
        except AttributeError:
            continue
    return ""


def _output_name(truth: Truth, output: int | None) -> str:
    names = [value.name for value in truth.forward.outputs if value.array is not None]
    if output is None:
        if len(names) != 1:
            raise ValueError(f"the reference returns {len(names)} tensors ({', '.join(names)}): say which with output=")
        return names[0]
    if not 0 <= output < len(names):
        raise ValueError(f"output={output}, but the reference returns {len(names)} tensors: {', '.join(names)}")
    return names[output]
