"""What a mutant may change: functions from a node of the syntax tree to other nodes that could stand in its place.

An operator never decides whether its place deserves a fault (`mutants.py` does), and it never touches the node it is
given: replacements are new nodes over the same children.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Replacement:
    """A node that could stand where another stands, and how a report shows the difference."""

    operator: str
    node: ast.AST
    old: str
    new: str


def replacements(node: ast.AST) -> Iterator[Replacement]:
    """Every fault for this node, in a fixed order."""
    for operator in OPERATORS:
        yield from operator(node)


def _between(name: str, old: ast.AST, new: ast.AST) -> Replacement:
    if not hasattr(new, "lineno"):  # a node made here; a child of `old` stands where it stood
        ast.fix_missing_locations(ast.copy_location(new, old))
    return Replacement(name, new, ast.unparse(old), ast.unparse(new))


# --- arithmetic ---------------------------------------------------------------------------------------------------

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


def arithmetic(node: ast.AST) -> Iterator[Replacement]:
    """x + y -> x - y, and so on; also in x += y. Texts that are put together are left alone."""
    if isinstance(node, ast.BinOp) and not any(_is_text(side) for side in (node.left, node.right)):
        other = _ARITHMETIC[type(node.op)]()
        yield _between("arithmetic", node, ast.BinOp(node.left, other, node.right))
    if isinstance(node, ast.AugAssign) and not _is_text(node.value):
        other = _ARITHMETIC[type(node.op)]()
        yield _between("arithmetic", node, ast.AugAssign(node.target, other, node.value))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def sign(node: ast.AST) -> Iterator[Replacement]:
    """-x -> x, and x -> -x where a number may be returned."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield _between("sign", node, node.operand)
    if isinstance(node, ast.Return | ast.Lambda):
        value = node.value if isinstance(node, ast.Return) else node.body
        if isinstance(value, ast.BinOp | ast.Call | ast.Name | ast.Subscript | ast.IfExp) and not _is_text(value):
            negative = ast.UnaryOp(ast.USub(), value)
            new = ast.Return(negative) if isinstance(node, ast.Return) else ast.Lambda(node.args, negative)
            yield _between("sign", node, new)


# --- logic --------------------------------------------------------------------------------------------------------

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


def comparison(node: ast.AST) -> Iterator[Replacement]:
    """< -> <= and >=, == -> !=, is -> is not, in -> not in: one comparison of a chain at a time."""
    if isinstance(node, ast.Compare):
        for position, op in enumerate(node.ops):
            for other in _COMPARISONS[type(op)]:
                ops = [*node.ops[:position], other(), *node.ops[position + 1 :]]
                yield _between("comparison", node, ast.Compare(node.left, ops, node.comparators))


def logic(node: ast.AST) -> Iterator[Replacement]:
    """And -> or, or -> and, one operand dropped, not x -> x, and every condition negated."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _between("logic", node, ast.BoolOp(other, node.values))
        if len(node.values) > 2:
            for position in range(len(node.values)):
                rest = node.values[:position] + node.values[position + 1 :]
                yield _between("logic", node, ast.BoolOp(node.op, rest))
        else:
            for value in reversed(node.values):
                yield _between("logic", node, value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _between("logic", node, node.operand)


def condition(node: ast.AST) -> Iterator[Replacement]:
    """If x -> if not x, in statements and in expressions; comparisons and not have faults of their own."""
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        negated = ast.UnaryOp(ast.Not(), node.test)
        new: ast.AST
        if isinstance(node, ast.IfExp):
            new = ast.IfExp(negated, node.body, node.orelse)
        else:
            new = type(node)(negated, node.body, node.orelse)
        ast.fix_missing_locations(ast.copy_location(new, node))
        yield Replacement("condition", new, ast.unparse(node.test), ast.unparse(negated))


# --- constants ----------------------------------------------------------------------------------------------------


def constant(node: ast.AST) -> Iterator[Replacement]:
    """True <-> False; n -> n + 1 and n - 1; x -> 1.001 x and 2 x, and 0.0 -> 0.001 and 1.0."""
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    others: tuple[float, ...] = ()
    if isinstance(value, bool):
        others = (not value,)
    elif isinstance(value, int):
        others = (value + 1, value - 1)
    elif isinstance(value, float):
        others = (value * 1.001, value * 2) if value else (0.001, 1.0)
    for other in others:
        yield _between("constant", node, ast.Constant(other))


def bound(node: ast.AST) -> Iterator[Replacement]:
    """The bounds of a slice moved by one; constant bounds are `constant`'s."""
    if not isinstance(node, ast.Slice):
        return
    for name in ("lower", "upper"):
        old = getattr(node, name)
        if isinstance(old, ast.Constant) or (isinstance(old, ast.UnaryOp) and isinstance(old.operand, ast.Constant)):
            continue
        moved: list[ast.expr] = []
        if old is None:
            if node.lower is not None or node.upper is not None:
                moved = [ast.Constant(1 if name == "lower" else -1)]
        else:
            moved = [ast.BinOp(old, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub())]
        for value in moved:
            lower, upper = (value, node.upper) if name == "lower" else (node.lower, value)
            yield _between("slice", node, ast.Slice(lower, upper, node.step))


# --- calls --------------------------------------------------------------------------------------------------------

# Functions of two arguments whose order does not matter.
_COMMUTATIVE = frozenset({
    "add", "allclose", "array_equal", "eq", "equal", "fmax", "fmin", "gcd", "hypot", "logaddexp", "ne", "not_equal", "bitwise_and", "bitwise_or", "bitwise_xor", "isclose", "lcm", "logical_and", "logical_or", "logical_xor",
    "max", "maximum", "min", "minimum", "multiply", "promote_types", "result_type",
})  # fmt: skip
_PAIRS = (
    ("maximum", "minimum"), ("max", "min"), ("amax", "amin"), ("argmax", "argmin"), ("sum", "mean"), ("any", "all"),
    ("floor", "ceil"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("fmax", "fmin"), ("cos", "sin"),
    ("greater", "less"), ("log", "log1p"), ("exp", "expm1"), ("ravel", "squeeze"), ("sqrt", "square"),
    ("append", "insert"), ("logical_and", "logical_or"),
)  # fmt: skip
_OTHER_NAME = dict(_PAIRS) | {b: a for a, b in _PAIRS}


def name_of_call(node: ast.Call) -> str:
    """The last part of what is called: `exp` of `xp.exp(x)`; "" where it has no name."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def swapped(node: ast.AST) -> Iterator[Replacement]:
    """Two neighbouring positional arguments change places."""
    if not isinstance(node, ast.Call) or name_of_call(node) in _COMMUTATIVE | {"isinstance", "getattr", "hasattr"}:
        return
    for i in range(len(node.args) - 1):
        left, right = node.args[i : i + 2]
        if any(isinstance(side, ast.Starred) or _is_text(side) for side in (left, right)):
            continue
        if ast.dump(left) != ast.dump(right):
            args = [*node.args[:i], right, left, *node.args[i + 2 :]]
            yield _between("arguments", node, ast.Call(node.func, args, node.keywords))


def dropped(node: ast.AST) -> Iterator[Replacement]:
    """A keyword argument is left out (not `strict=` of zip, which only guards)."""
    if not isinstance(node, ast.Call):
        return
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "strict":
            continue
        rest = node.keywords[:i] + node.keywords[i + 1 :]
        found = _between("keyword", node, ast.Call(node.func, node.args, rest))
        yield replace(found, old=ast.unparse(keyword), new="")


def other_function(node: ast.AST) -> Iterator[Replacement]:
    """Maximum <-> minimum, sum <-> mean, any <-> all, ..."""
    if not isinstance(node, ast.Call):
        return
    other = _OTHER_NAME.get(name_of_call(node))
    if other is None:
        return
    if isinstance(node.func, ast.Attribute):
        function: ast.expr = ast.Attribute(node.func.value, other, ast.Load())
    elif node.func.id in ("max", "min", "sum", "any", "all"):  # type: ignore[attr-defined]  # a name, or no other name
        if other == "mean":
            return  # there is no built-in mean
        function = ast.Name(other, ast.Load())
    else:
        return  # a plain name that may not be there
    yield _between("function", node, ast.Call(function, node.args, node.keywords))


# --- statements ---------------------------------------------------------------------------------------------------


def removed(node: ast.AST) -> Iterator[Replacement]:
    """A call made for its effect, or an augmented assignment, does not happen."""
    effect = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
    if effect or isinstance(node, ast.AugAssign | ast.Delete):
        yield _between("removed", node, ast.Pass())


def returned(node: ast.AST) -> Iterator[Replacement]:
    """Return x -> return None."""
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield _between("return", node, ast.Return(ast.Constant(None)))


OPERATORS: tuple[Callable[[ast.AST], Iterator[Replacement]], ...] = (
    arithmetic,
    sign,
    comparison,
    logic,
    condition,
    constant,
    bound,
    swapped,
    dropped,
    other_function,
    removed,
    returned,
)
