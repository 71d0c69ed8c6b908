"""Does an error message name the same cause as torch's?

A message counts as naming the cause when it contains

1. every number in torch's message (sizes, indices, limits; a shape is several numbers),
2. every dtype in it, under any of its names (`Float`, `float32`, `torch.float`),
3. at least one of its telling words: four letters or more, and not a filler such as "expected" or "should".

Where a case lists keywords, those are looked for instead, ignoring case. Source positions and hints that torch appends
("Exception raised from ...", "(Triggered internally ...)") are no part of the cause.

>>> missing("weight of size [6, 1, 5, 5], but got 3 channels", "conv2d: weight [6, 1, 5, 5] wants other channels")
['3']
>>> missing("expected Float but found Long", "matmul: float32 and int64 differ; found no common dtype")
[]
>>> missing("Input type (long int) and bias type (double)", "conv1d: input of int64, bias of float64")
[]
"""

import re

_DTYPES = {
    "float64": ("float64", "double"),
    "float32": ("float32", "float"),
    "float16": ("float16", "half"),
    "bfloat16": ("bfloat16",),
    "int64": ("int64", "long"),
    "int32": ("int32", "int"),
    "int16": ("int16", "short"),
    "int8": ("int8", "char"),
    "uint8": ("uint8", "byte"),
    "bool": ("bool",),
}
_IN_C = {"long int": "int64", "short int": "int16", "signed char": "int8", "unsigned char": "uint8"}
_NAMES = {name: dtype for dtype, names in _DTYPES.items() for name in names}
_FILLERS = frozenset(
    [
        "about",
        "after",
        "also",
        "argument",
        "arguments",
        "been",
        "before",
        "being",
        "both",
        "call",
        "cannot",
        "could",
        "does",
        "each",
        "either",
        "error",
        "expect",
        "expected",
        "expects",
        "following",
        "from",
        "given",
        "have",
        "input",
        "into",
        "invalid",
        "like",
        "more",
        "must",
        "need",
        "needs",
        "only",
        "other",
        "same",
        "should",
        "since",
        "some",
        "such",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "torch",
        "tensor",
        "tensors",
        "type",
        "types",
        "using",
        "value",
        "values",
        "when",
        "where",
        "which",
        "will",
        "with",
        "without",
        "your",
    ]
)
_APPENDED = re.compile(
    r"\n?(?:Exception raised from|\(Triggered internally|Hint:|C\+\+ CapturedTraceback)", re.IGNORECASE
)


def missing(torch_message: str, message: str, keywords: tuple[str, ...] = ()) -> list[str]:
    """What the message lacks to name the same cause; empty when it does."""
    if keywords:
        return [word for word in keywords if word.lower() not in message.lower()]
    theirs, ours = _APPENDED.split(torch_message)[0], message
    lacking = sorted(_numbers(theirs) - _numbers(ours), key=float)
    lacking += sorted(_dtypes(theirs) - _dtypes(ours))
    words = _words(theirs)
    if words and not words & _words(ours):
        lacking.append(f"any of: {', '.join(sorted(words))}")
    return lacking


def _numbers(text: str) -> set[str]:
    """Numbers on their own: not the digits of `conv2d` or `float32`; 1.0 and 1 are the same."""
    found = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])", text)
    return {f"{float(number):g}" for number in found}


def _dtypes(text: str) -> set[str]:
    text = text.lower().replace("torch.", "")
    for in_c, dtype in _IN_C.items():
        text = text.replace(in_c, dtype)
    return {_NAMES[word] for word in re.findall(r"[a-z]+\d*", text) if word in _NAMES}


def _words(text: str) -> set[str]:
    found = {word.lower() for word in re.findall(r"[A-Za-z]{4,}", text)}
    return {word for word in found if word not in _FILLERS and word not in _NAMES}
