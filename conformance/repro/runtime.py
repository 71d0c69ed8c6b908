"""What a reproducing script is made of: every script holds a copy of what follows, and nothing else of conformance.

A *side* is a library with torch's names, or for plain functions over numpy arrays their module. `PROBLEM` of the script
is a dictionary: `arrays` with `dtypes`, `strides` and `names`, which of them are `differentiable`, `cotangents` and
`directions` (order 2) in the same form, and the question: `check`, `tensor`, `category`, `index`, `oracle`, `allowed`.
"""

import math
from typing import Any

import numpy

# --- how both are run and compared: the same in every script ---


def in_strides(values: Any, strides: tuple[int, ...] | None) -> Any:
    """A copy of the numbers; with strides (in elements) it looks into memory that has gaps or repeats."""
    if strides is None:
        return values.copy()
    length = 1 + sum((size - 1) * step for size, step in zip(values.shape, strides, strict=True))
    fill = math.nan if values.dtype.kind == "f" else 1
    storage = numpy.full(max(length, 0), fill, values.dtype)
    steps = [step * values.itemsize for step in strides]
    view = numpy.lib.stride_tricks.as_strided(storage, values.shape, steps)
    view[...] = values
    return view


def to_tensor(side: Any, array: Any, dtype: str) -> Any:
    """A tensor of the side; bfloat16, which numpy does not have, comes as 16 bits."""
    if dtype == "bfloat16":
        return side.from_numpy(array.view(numpy.int16)).view(side.bfloat16)
    return side.from_numpy(array)


def flat(side: Any, output: Any, name: str = "out") -> dict[str, Any]:
    """The results by name: tensors, and plain values."""
    if isinstance(output, side.Tensor):
        return {name: output}
    pairs: Any = []
    if isinstance(output, dict):
        pairs = [(f"{name}.{key}", item) for key, item in output.items()]
    elif isinstance(output, list | tuple) and any(
        isinstance(item, list | tuple | dict | side.Tensor) for item in output
    ):
        pairs = [(f"{name}[{i}]", item) for i, item in enumerate(output)]
    else:
        return {name: output}
    return {key: value for label, item in pairs for key, value in flat(side, item, label).items()}


def results_of_tensors(side: Any, call: Any, problem: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Everything that the call gives: outputs, gradients, second order, and the inputs as it left them."""
    order = problem["order"]
    if hasattr(side, "manual_seed"):
        side.manual_seed(0)
    inputs = [
        to_tensor(side, in_strides(array, strides), dtype)
        for array, strides, dtype in zip(problem["arrays"], problem["strides"], problem["dtypes"], strict=True)
    ]
    wanted = {
        name: tensor.requires_grad_()
        for name, tensor, flag in zip(problem["names"], inputs, problem["differentiable"], strict=True)
        if flag and order
    }
    outputs = flat(side, call(side, inputs))
    found: dict[tuple[str, str], Any] = {("output", name): value for name, value in outputs.items()}
    for name, tensor in zip(problem["names"], inputs, strict=True):
        found["output", f"{name} after"] = tensor
    if not order and hasattr(side, "get_rng_state"):
        found["output", "generator"] = side.get_rng_state()
    tensors = [value for value in outputs.values() if isinstance(value, side.Tensor)]
    seeds: list[Any] = [
        None if given is None else to_tensor(side, in_strides(given[0], given[2]), given[1])
        for given in problem["cotangents"]
    ]
    pairs = [pair for pair in zip(tensors, seeds, strict=True) if pair[1] is not None] if order else []
    if not pairs:
        return found
    if order > 1:
        pairs = [(output, seed.requires_grad_()) for output, seed in pairs]
    heads, seeds = [output for output, _ in pairs], [seed for _, seed in pairs]
    gradients = side.autograd.grad(heads, list(wanted.values()), seeds, create_graph=order > 1, allow_unused=True)
    found.update((("gradient", name), value) for name, value in zip(wanted, gradients, strict=True))
    if order > 1:
        sources = {**wanted, **{f"cotangent {i}": seed for i, seed in enumerate(seeds)}}
        vectors = [to_tensor(side, in_strides(array, None), dtype) for array, dtype, _ in problem["directions"]]
        live = [(g, v) for g, v in zip(gradients, vectors, strict=True) if g is not None and g.requires_grad]
        second: Any = [None] * len(sources)
        if live:
            second = side.autograd.grad(
                [g for g, _ in live], list(sources.values()), [v for _, v in live], allow_unused=True
            )
        found.update((("second-order", name), value) for name, value in zip(sources, second, strict=True))
    return found


def results_of_functions(
    function: Any, backward: Any, call: Any, problem: dict[str, Any]
) -> dict[tuple[str, str], Any]:
    """The same of plain functions over numpy arrays: `function(*args)`, `backward(cotangent, *args)`."""
    arrays = [in_strides(array, strides) for array, strides in zip(problem["arrays"], problem["strides"], strict=True)]
    output = call(function, arrays)
    parts = list(output) if isinstance(output, list | tuple) else [output]
    names = [f"out[{i}]" for i in range(len(parts))] if isinstance(output, list | tuple) else ["out"]
    found: dict[tuple[str, str], Any] = {("output", n): as_array(p) for n, p in zip(names, parts, strict=True)}
    found.update((("output", f"{n} after"), array) for n, array in zip(problem["names"], arrays, strict=True))
    if problem["order"] and backward is not None and any(given is not None for given in problem["cotangents"]):
        seeds = [None if given is None else in_strides(given[0], given[2]) for given in problem["cotangents"]]
        given = seeds[0] if len(seeds) == 1 else tuple(seeds)
        gradients = call(lambda *args, **kwargs: backward(given, *args, **kwargs), arrays)
        gradients = list(gradients) if isinstance(gradients, list | tuple) else [gradients]
        flags = problem["differentiable"]
        if len(gradients) == len(flags):
            gradients = [g for g, flag in zip(gradients, flags, strict=True) if flag]
        wanted = [name for name, flag in zip(problem["names"], flags, strict=True) if flag]
        for name, gradient in zip(wanted, gradients, strict=True):
            found["gradient", name] = None if gradient is None else as_array(gradient)
    return found


def as_array(value: Any) -> Any:
    """What a function returned, which has to be an array or a number."""
    array = numpy.asarray(value)
    if array.dtype.kind not in "biufcV":
        raise TypeError(f"the function returned a {type(value).__name__}, but should return arrays of numbers")
    return array


def numbers(value: Any) -> Any:
    """A tensor of any side as numpy's array (bfloat16 widened), anything else as it is."""
    if value is None or isinstance(value, numpy.ndarray) or not hasattr(value, "detach"):
        return value
    value = value.detach()
    if hasattr(value, "resolve_conj"):
        value = value.resolve_conj().resolve_neg()
    return (value.float() if dtype_name(value) == "bfloat16" else value).numpy()


def dtype_name(value: Any) -> str:
    """The dtype's name."""
    return str(value.dtype).rpartition(".")[2]


def alike(mine: Any, torch: Any) -> bool:
    """Whether two numbers are the same; NaN is, and the zeros are two."""
    if mine != mine or torch != torch:
        return bool(mine != mine and torch != torch)
    return bool(mine == torch and (mine != 0 or math.copysign(1, mine) == math.copysign(1, torch)))


def differs(mine: Any, torch: Any, problem: dict[str, Any]) -> tuple[str, bool]:
    """(the two values in words, whether they differ by more than rounding explains)."""
    if problem["check"] == "second-order":  # a zero and a missing second derivative mean the same
        mine = mine if mine is not None or torch is None else torch * 0
        torch = torch if torch is not None or mine is None else mine * 0
    if not hasattr(mine, "shape") or not hasattr(torch, "shape"):
        shown = ["a tensor" if hasattr(value, "shape") else repr(value) for value in (mine, torch)]
        same = isinstance(mine, type(torch)) and mine == torch if "tensor" not in " ".join(shown) else False
        return f"candidate {shown[0]}\ntorch     {shown[1]}", not same
    forms = [(dtype_name(value), list(value.shape)) for value in (mine, torch)]
    if forms[0] != forms[1]:
        return "\n".join(f"{who:9} {d}{s}" for who, (d, s) in zip(("candidate", "torch"), forms, strict=True)), True
    category = problem["category"]
    if category == "layout":
        steps = [
            [n for n, size in zip(value.stride(), value.shape, strict=True) if size > 1] for value in (mine, torch)
        ]
        return f"candidate strides {steps[0]}\ntorch     strides {steps[1]}", steps[0] != steps[1]
    if category in ("missing-gradient", "extra-gradient"):
        flags = [bool(value.requires_grad) for value in (mine, torch)]
        return f"candidate requires_grad={flags[0]}\ntorch     requires_grad={flags[1]}", flags[0] != flags[1]
    a, b = numbers(mine), numbers(torch)
    oracle, allowed = problem["oracle"], problem["allowed"]
    if problem["index"] is None or not math.isfinite(allowed) or not math.isfinite(oracle):
        places = [tuple(problem["index"])] if problem["index"] is not None else numpy.ndindex(a.shape)
        wrong = [place for place in places if not alike(a[place], b[place])]
        place = tuple(problem["index"] or (wrong[0] if wrong else (0,) * a.ndim))
        shown = [array[place].item() if array.size else "nothing" for array in (a, b)]
        return f"at {list(place)}\ncandidate {shown[0]!r}\ntorch     {shown[1]!r}", bool(wrong)
    place = tuple(problem["index"])
    error = abs(float(a[place]) - oracle)
    return (
        f"at {list(place)}\ncandidate {a[place].item()!r}\ntorch     {b[place].item()!r}\n"
        f"float64   {oracle!r}: the candidate is off by {error:.3g}, of which rounding explains {allowed:.3g}",
        not error <= allowed,
    )


def changed(before: Any, after: Any) -> bool:
    """Whether two arrays differ in a bit."""
    return numpy.ascontiguousarray(numbers(before)).tobytes() != numpy.ascontiguousarray(numbers(after)).tobytes()


def status(candidate: Any, torch: Any, problem: dict[str, Any]) -> int:
    """Run the candidate and torch (functions without arguments), print both values; 1 while they differ, else 0."""
    check, name = problem["check"], problem["tensor"]
    if check == "error":
        return status_of_refusals(candidate, torch, problem)
    mine = candidate()
    if problem["category"] == "exception":
        print("the candidate raises nothing")
        return verdict(False)
    if problem["category"] == "aliased-input":
        kept = [
            n
            for n in problem["names"]
            if numpy.may_share_memory(*(numbers(mine["output", k]) for k in (name, f"{n} after")))
        ]
        print(
            f"candidate: {name} shares its memory with input {', '.join(kept)}"
            if kept
            else f"{name} has memory of its own"
        )
        return verdict(bool(kept))
    if check == "unchanged":
        given: Any = problem["arrays"][problem["names"].index(name)]
        left = numbers(mine["output", f"{name} after"])
        print(f"input {name} before:\n{given}\nafter:\n{left}")
        return verdict(changed(given.astype(left.dtype), left) if problem["dtypes"][0] != "bfloat16" else True)
    if check == "repeat":
        again = candidate()
        names = [key for key in mine if hasattr(mine[key], "shape") and changed(mine[key], again[key])]
        for key in names[:1]:
            print(f"{key[0]} {key[1]}\nfirst  {numbers(mine[key])}\nsecond {numbers(again[key])}")
        return verdict(bool(names))
    theirs = torch()
    key = ("output" if check == "bits" else check, name)
    print(f"{check} {name}")
    if check == "bits" and not name:
        key = next(iter(theirs))
    if key not in mine or key not in theirs:
        print(f"candidate has {sorted(mine)}\ntorch has {sorted(theirs)}")
        return verdict(True)
    shown, wrong = differs(mine[key], theirs[key], problem)
    print(shown)
    return verdict(wrong)


def status_of_refusals(candidate: Any, torch: Any, problem: dict[str, Any]) -> int:
    """Both should raise the same exception, naming the same cause."""
    said = []
    for who, side in (("candidate", candidate), ("torch", torch)):
        try:
            side()
            said.append(("no exception", ""))
        except Exception as error:
            said.append((type(error).__name__, str(error)))
        print(f"{who:9} {said[-1][0]}: {said[-1][1]}")
    named = all(any(word in said[0][1].lower() for word in words) for words in problem["words"])
    return verdict(said[0][0] != said[1][0] or not named)


def verdict(wrong: bool) -> int:
    """Say it; the exit status."""
    print("FAILS" if wrong else "conforms")
    return int(wrong)
