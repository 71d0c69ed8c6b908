"""The text of a script."""

import ast
import base64
import io
import math
import shlex
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from conformance import messages
from conformance.candidates import Candidate
from conformance.case import BITS, ERROR, EXPANDED, OUTPUT, Case, Sample
from conformance.draw import Array
from conformance.layout import applies, arrange, first_row_repeated
from conformance.oracle import Truth
from conformance.printing import compared
from conformance.record import CRASH, HANG, OOM, Record
from conformance.repro import runtime
from conformance.repro.sides import Side, side_of
from conformance.repro.sources import Sources

FEW = 64  # elements of an array that is written out
INLINE = 1 << 16  # bytes of all other arrays together that stand in the script, packed
_MARK = "# --- how both are run and compared: the same in every script ---\n"


def written(
    case: Case,
    candidate: Candidate,
    name: str,
    record: Record,
    timeout: float,
    beside: Path | None,
    first: Record | None = None,
) -> tuple[str, bytes | None]:
    """(the script, the content of the file `beside` when the arrays are too large to stand in it).

    `first` is what was found on the whole arrays: it knows more of the cause than the `record` on the smallest part.
    """
    side = side_of(name, candidate, case.operation)
    layout = record.check.split()[1] if record.check.startswith("layout ") else ""
    sample = case.sample()
    if layout == EXPANDED:
        flags = [d and applies(a, EXPANDED) for a, d in zip(sample.arrays, sample.differentiable, strict=True)]
        rows = [first_row_repeated(a) if f else a for a, f in zip(sample.arrays, flags, strict=True)]
        sample = sample.with_arrays(rows)
    truth = Truth(case, sample, EXPANDED if layout == EXPANDED else "")
    store = _Store(beside)
    problem = _problem(case, truth, record, layout, store)
    if side.functions:
        problem["order"] = min(int(problem["order"]), 1)
    calls = _calls(case, sample, side.call, side.functions)
    body = "\n".join(
        [
            _title(case, name, first or record),
            "from __future__ import annotations\n",
            f"import faulthandler\nimport math\nimport sys\n{store.imports}from typing import Any\n",
            'import numpy\nimport torch\n\nsys.path.append("")  # the candidate may lie where one works\n'
            f"{side.imports}\n\n",
            store.loading,
            f"PROBLEM = {_dictionary(problem)}\n\n",
            calls,
            _asking(side),
            f"\n\n{_MARK}\n\n{_runtime()}",
            _ending(side, record, timeout),
        ]
    )
    return body, store.content


def _title(case: Case, name: str, record: Record) -> str:
    said = [f"{compared(record)}: {record.category or record.status}"]
    said += record.message.strip().splitlines()[:3] + ([f"likely cause: {record.cause}"] if record.cause else [])
    shown = "\n".join(f"    {line}" for line in said).replace("\\", "\\\\").replace('"""', "'''")
    identity = case.id.replace("\\", "\\\\").replace('"""', "'''")
    return (
        f'"""{name} is not torch in {identity}\n\n{shown}\n\nThe arrays are the smallest part of the case\'s that was '
        "found to fail. Run it where both torch and the candidate\ncan be imported, such as in the folder of its module; it "
        f"ends with 1 while the candidate fails. The harness's view:\n\n"
        f'    conform explain --candidate {shlex.quote(name)} {shlex.quote(identity)}\n"""\n'
    )


# --- data ---------------------------------------------------------------------------------------------------------


class _Expression(str):
    """Source that stands in the script as it is."""

    __slots__ = ()


class _Store:
    """Arrays as expressions: short ones written out, longer ones packed, very long ones in a file beside the script."""

    def __init__(self, beside: Path | None) -> None:
        self.beside = beside
        self.large: dict[str, Array] = {}
        self.packed = 0

    def expression(self, array: Array) -> _Expression:
        """The array; bfloat16, which numpy does not have, as 16 bits."""
        plain = array.view("uint16") if array.dtype.name == "bfloat16" else array
        if plain.size <= FEW and plain.dtype.kind in "biufc" and numpy.isfinite(plain).all():
            return _Expression(f"numpy.array({plain.tolist()!r}, {plain.dtype.name!r}).reshape({plain.shape})")
        raw = base64.b85encode(zlib.compress(numpy.ascontiguousarray(plain).tobytes(), 9)).decode()
        if self.packed + len(raw) <= INLINE:
            self.packed += len(raw)
            lines = "\n".join(f"            {raw[i : i + 100]!r}" for i in range(0, len(raw), 100)) or "''"
            return _Expression(f"unpacked({plain.dtype.name!r}, {plain.shape},\n{lines})")
        if self.beside is None:
            raise ValueError("the arrays are too large to stand in the script: --out FILE puts them beside it")
        key = f"array{len(self.large)}"
        self.large[key] = plain
        return _Expression(f"STORED[{key!r}]")

    @property
    def imports(self) -> str:
        return "import base64\nimport zlib\nfrom pathlib import Path\n" if self.packed or self.large else ""

    @property
    def loading(self) -> str:
        """What the expressions need."""
        text = ""
        if self.packed:
            text += (
                "def unpacked(dtype: str, shape: tuple[int, ...], packed: str) -> Any:\n"
                '    """An array from its packed bytes."""\n'
                "    raw = bytearray(zlib.decompress(base64.b85decode(packed)))\n"
                "    return numpy.frombuffer(raw, dtype).reshape(shape)\n\n\n"
            )
        if self.large and self.beside is not None:
            text += (
                f"with numpy.load(Path(__file__).with_name({self.beside.name!r})) as file:\n    STORED = dict(file)\n"
            )
        return text

    @property
    def content(self) -> bytes | None:
        """The file beside the script."""
        if not self.large:
            return None
        file = io.BytesIO()
        numpy.savez_compressed(file, **self.large)
        return file.getvalue()


def _strides(array: Array) -> tuple[int, ...] | None:
    """In elements; None where the array is contiguous."""
    return None if array.flags.c_contiguous else tuple(step // array.itemsize for step in array.strides)


def _problem(case: Case, truth: Truth, record: Record, layout: str, store: _Store) -> dict[str, Any]:
    """The dictionary that the runtime reads."""
    sample = truth.sample
    arranged = [
        arrange(array, layout if layout != EXPANDED or wanted else "").array
        for array, wanted in zip(sample.arrays, sample.differentiable, strict=True)
    ]
    check = record.check.removeprefix(f"layout {layout}").strip() if layout else record.check
    order = min(truth.order, 1) if layout else truth.order
    cotangents: list[Any] = []
    if check not in (ERROR, BITS) and OUTPUT not in truth.forward.raised:
        seeds = [
            None if a is None else arrange(a, "" if layout == EXPANDED else layout).array for a in truth.cotangents
        ]
        cotangents = [None if a is None else (store.expression(a), a.dtype.name, _strides(a)) for a in seeds]
    else:
        order = 0
    return {
        "arrays": [store.expression(numpy.ascontiguousarray(a).reshape(a.shape)) for a in arranged],
        "dtypes": [array.dtype.name for array in arranged],
        "strides": [_strides(array) for array in arranged],
        "names": list(sample.names),
        "differentiable": list(sample.differentiable),
        "order": order,
        "cotangents": cotangents,
        "directions": [(store.expression(a), a.dtype.name, None) for a in truth.directions] if order > 1 else [],
        "check": check or OUTPUT,
        "tensor": record.tensor,
        "category": record.category,
        **_question(record),
        "words": _words(case, truth) if check == ERROR else [],
    }


def _question(record: Record) -> dict[str, Any]:
    """Where to look, what is true there, and what rounding explains."""
    index = [int(part) for part in record.index.strip("[]").split(",") if part.strip()] if record.index else None
    allowed = record.allowed
    error = abs(record.candidate - record.oracle)
    if math.isfinite(allowed) and error <= allowed:  # the tensor fails as a whole: this much less would be half as bad
        allowed = error / 2
    return {"index": index, "oracle": record.oracle, "allowed": allowed}


def _words(case: Case, truth: Truth) -> list[list[str]]:
    """What the message has to name: a list of words, each with the other forms that it may take."""
    raised = truth.forward.raised.get(OUTPUT)
    lacking = messages.missing(raised.message if raised else "", "", case.arguments.keywords)
    return [word.removeprefix("any of: ").lower().split(", ") for word in lacking]


def _dictionary(problem: dict[str, Any]) -> str:
    lines = "".join(f"    {key!r}: {_expression(value)},\n" for key, value in problem.items())
    return f"{{\n{lines}}}"


def _expression(value: Any) -> str:
    if isinstance(value, _Expression):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_expression, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    return repr(value)


# --- code ---------------------------------------------------------------------------------------------------------


def _calls(case: Case, sample: Sample, candidate_call: str, functions: bool) -> str:
    """The functions `call` (of the candidate) and `torch_call`, over the list `x` of arrays."""
    operation, sources = case.operation, Sources(taken())
    name = sources.define(operation.program) if operation.program is not None else ""
    given = sources.arguments(sample.args, sample.kwargs, lambda name: f"torch.{name}")
    above = f"{sources.text}\n\n\n" if sources.text else ""
    if name:
        return f"{above}def torch_call(torch, x):\n    return {name}(torch, {given})\n\n\ncall = torch_call\n"
    reference = f"{above}def torch_call(torch, x):\n    return torch.{operation.name}({given})\n\n\n"
    if functions:
        named = sources.arguments(sample.args, sample.kwargs, lambda name: f"numpy.dtype({name!r})")
        return f"{reference}def call(function, x):\n    return function({named})\n"
    return f"{reference}def call(torch, x):\n    return {candidate_call}({given})\n"


@cache
def taken() -> frozenset[str]:
    """The names that a script has for itself: of the helpers, and of what stands beside them."""
    helpers = (node.name for node in ast.parse(_runtime()).body if isinstance(node, ast.FunctionDef))
    return frozenset([*helpers, "PROBLEM", "STORED", "unpacked", "call", "torch_call", "of_candidate", "of_torch"])


def _runtime() -> str:
    """The helpers that every script has a copy of."""
    return Path(runtime.__file__).read_text(encoding="utf-8").partition(_MARK)[2].strip("\n") + "\n"


def _asking(side: Side) -> str:
    """How either side is run."""
    settings = "".join(f"    {line}\n" for line in side.settings.splitlines())
    if side.functions:
        backward = f"getattr(candidate, {side.call.removeprefix('candidate.') + '_backward'!r}, None)"
        asked = f"results_of_functions({side.call}, {backward}, call, PROBLEM)"
    else:
        asked = f"results_of_tensors({side.namespace}, call, PROBLEM)"
    return (
        f"\n\ndef of_candidate():\n{settings}    return {asked}\n\n\n"
        "def of_torch():\n    return results_of_tensors(torch, torch_call, PROBLEM)\n"
    )


def _ending(side: Side, record: Record, timeout: float) -> str:
    """The end of the script: run both sides, say what differs."""
    if record.status in (CRASH, HANG, OOM) and record.check == "run":
        watch = f"faulthandler.dump_traceback_later({timeout:g}, exit=True)  # ends with 1 when it takes longer"
        return f'\nfaulthandler.enable()\n{watch}\nof_candidate()\nfaulthandler.cancel_dump_traceback_later()\nprint("conforms")\n'
    if side.settings:  # torch's own answer comes first, without the candidate's settings
        return "\ntheirs = of_torch()\nsys.exit(status(of_candidate, lambda: theirs, PROBLEM))\n"
    return "\nsys.exit(status(of_candidate, of_torch, PROBLEM))\n"
