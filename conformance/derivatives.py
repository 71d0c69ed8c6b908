"""Is torch itself right? Its gradients against differences of its own values.

For every case the derivative of f(x) = <c, outputs> along a random direction w of each input, by differences at float64
(`conformance/differences.py`), is compared with <gradient, w>; the second order likewise, with the gradient in place of
the values. Where the operation is analytic and torch takes complex numbers, the complex step Im f(x + i h w) / h, which
subtracts nothing, is a second opinion.

    python -m conformance.derivatives --ops 'tanh,conv*' --rows 3

A check is invalid where there is no derivative to compare with: at a kink or a tie the one-sided differences disagree,
at a jump nothing converges. Then the elements that are at one (of a large input, those that are zero or tied) stay
where they are, and only the others move.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy

from conformance.case import ERROR, GRADIENT, OUTPUT, SECOND, Case, Sample
from conformance.differences import Estimate, Line
from conformance.draw import Array
from conformance.moves import upcast
from conformance.oracle import Truth

AGREES, DISAGREES, INVALID = "agrees", "disagrees", "invalid"
FLOOR = 1e-11  # a difference this small against the scale is rounding in torch's own float64
TINY = 2.0**-20  # against the median of an input
FEW = 40  # elements that are tried one by one for kinks
BLUNT = 1e-8  # an error this large against the scale could hide a wrong gradient

# Where torch's gradient is not the derivative of its values: how the case's id begins, the checks, and why.
KNOWN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "nn.functional.hardsigmoid(",
        (GRADIENT,),
        "torch is wrong: its kernel multiplies by 1/6 rounded to float32, at float64 too",
    ),
    (
        "nn.functional.prelu(values([0.0",
        (SECOND,),
        "torch is inconsistent: at 0 its gradient takes the branch w x, its second order the branch x",
    ),
    (
        "clamp(tied(3)[33], tied(3)[33]",
        (GRADIENT,),
        "torch is wrong: where both limits equal x the result does not depend on x, and torch's slope is 1",
    ),
    (
        "assignment through views(",
        (GRADIENT,),
        "torch leaves it undefined: a value written twice to one place gets the gradient of that place twice",
    ),
    ("unpooled maxima(", (GRADIENT,), "torch is wrong: a maximum of two windows gets the gradient of its place twice"),
    (
        "pooling and unpooling layers(",
        (GRADIENT,),
        "torch is wrong: a maximum of two windows gets the gradient of its place twice",
    ),
    ("module hooks(", (GRADIENT, SECOND), "meant so: a hook of the program scales the gradient"),
    (
        "batch norm layer(",
        (GRADIENT, SECOND),
        "meant so: running statistics, which evaluation uses, carry no gradient",
    ),
)

# Analytic operations whose complex kernels torch has: no |x|, no comparison, no norm.
ANALYTIC = {
    "add", "sub", "rsub", "mul", "div", "true_divide", "neg", "positive", "square", "pow", "reciprocal", "sqrt",
    "rsqrt", "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "atanh", "sigmoid", "nn.functional.silu", "nn.functional.tanhshrink",
    "sum", "mean", "prod", "cumsum", "cumprod", "matmul", "mm", "bmm", "mv", "dot", "outer", "addmm", "addmv",
    "baddbmm", "einsum", "tensordot", "lerp", "addcmul", "addcdiv", "nn.functional.linear",
    "nn.functional.conv1d", "nn.functional.conv2d", "nn.functional.conv3d",
}  # fmt: skip
COMPLEX_STEP = 1e-20


@dataclass(frozen=True)
class Directional:
    """One derivative along one direction: what torch says, and what the differences say."""

    case: str
    operation: str
    family: str
    check: str  # gradient or second-order
    tensor: str  # the input that moves
    outcome: str
    torch: float = 0.0
    estimate: float = 0.0
    error: float = 0.0  # of the estimate, by its own account
    scale: float = 0.0  # the size of the gradient along the direction
    method: str = "differences"
    reason: str = ""

    @property
    def known(self) -> str:
        """Why a disagreement is known; "" where it is not."""
        if self.outcome != DISAGREES:
            return ""
        return next((why for case, checks, why in KNOWN if self.case.startswith(case) and self.check in checks), "")

    def __str__(self) -> str:
        gap = abs(self.torch - self.estimate) / self.scale if self.scale else 0.0
        numbers = f"torch {self.torch:.15g}, {self.method} {self.estimate:.15g} +- {self.error:.1e}, apart {gap:.1e}"
        return f"{self.outcome}: {self.case}: {self.check} {self.tensor}: {numbers} {self.reason}".rstrip()


@dataclass(frozen=True)
class GradientCheck:
    """Everything about one case."""

    case: str
    directions: tuple[Directional, ...]

    @property
    def outcome(self) -> str:
        """disagrees if any derivative does; agrees if any does and the rest is invalid; "" with nothing to check."""
        found = {direction.outcome for direction in self.directions}
        return next((outcome for outcome in (DISAGREES, AGREES, INVALID) if outcome in found), "")

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees but what is known to."""
        return all(d.outcome != DISAGREES or d.known for d in self.directions)

    def __str__(self) -> str:
        return "\n".join(map(str, self.directions)) or f"nothing to check: {self.case}"


def check_gradients(case: Case) -> GradientCheck:
    """Compare torch's gradients, and its second order where the case has one, with differences, input by input."""
    if ERROR in case.checks or GRADIENT not in case.checks:
        return GradientCheck(case.id, ())
    truth = Truth(case, _finite_sample(case.sample()))
    if OUTPUT in truth.oracle.raised or not any(c is not None for c in truth.cotangents):
        return GradientCheck(case.id, ())
    orders = [1] if truth.order == 1 or SECOND in truth.oracle.raised or truth.oracle.second is None else [1, 2]
    if GRADIENT in truth.oracle.raised:
        orders = []
    names = [n for n, moves in zip(truth.sample.names, truth.sample.differentiable, strict=True) if moves]
    return GradientCheck(case.id, tuple(_Along(truth, order, name).checked() for order in orders for name in names))


@lru_cache(maxsize=1)
def _oracle() -> Any:
    from conformance.candidates.torch import Oracle

    return Oracle()


def _finite_sample(sample: Sample) -> Sample:
    """Infinities, NaN and the largest numbers, which no step can move, as ones."""

    def cleaned(array: Array) -> Array:
        if array.dtype.kind in "biu":
            return array
        with numpy.errstate(all="ignore"):
            return numpy.where(numpy.abs(upcast(array)) < 1e30, array, numpy.ones_like(array))

    return sample.with_arrays([cleaned(array) for array in sample.arrays])


class _Along:
    """One derivative of one case: order 1 or 2, with respect to one input."""

    def __init__(self, truth: Truth, order: int, name: str) -> None:
        self.truth = truth
        self.order = order
        self.name = name
        self.arrays = [upcast(array) for array in truth.sample.arrays]
        self.number = list(truth.sample.names).index(name)
        self.cotangents, self.gradient = self._masked()

    def _masked(self) -> tuple[list[Array | None], Array]:
        """Cotangents without those of outputs that are not finite, and the gradient under them."""
        finite = {v.name: numpy.isfinite(v.array) for v in self.truth.oracle.outputs if v.array is not None}
        cotangents = [
            None if c is None else numpy.where(mask, upcast(c), 0.0)
            for c, mask in zip(self.truth.cotangents, finite.values(), strict=True)
        ]
        result = self._run(self.arrays, self.order, cotangents)
        found = (result.gradients if self.order == 1 else result.second) or {}
        gradient = found.get(self.name)
        return cotangents, numpy.zeros(self.arrays[self.number].shape) if gradient is None else gradient

    def _run(self, arrays: Sequence[Array], order: int, cotangents: Sequence[Array | None]) -> Any:
        sample = self.truth.sample.with_arrays([numpy.array(array, order="C") for array in arrays])
        given = [None if c is None else c.copy() for c in cotangents]
        directions = [upcast(array) for array in self.truth.directions] if order > 1 else []
        return _oracle().run(self.truth.case.operation, sample, order, given, directions)

    # --- the two sides -------------------------------------------------------------------------------------------

    def direction(self, attempt: int, steady: Array) -> Array:
        """w: of the size of the input's numbers, with signs at random; 0 where the input stays."""
        x = self.arrays[self.number]
        rng = self.truth.case.rng(f"derivative {self.order} {self.name} {attempt}")
        magnitude = numpy.abs(x)
        typical = numpy.median(magnitude[x != 0]) if x.any() else 1.0
        # A number that is small beside the others moves as they do, a tiny one only by its own size: 1 / x is steep there.
        size = numpy.where((magnitude > 0) & (magnitude < TINY * typical), magnitude, numpy.maximum(magnitude, typical))
        w = size * rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        return numpy.where(steady | ~numpy.isfinite(self.gradient), 0.0, w)

    def terms(self, moved: Array) -> Array:
        """The terms of f: cotangent times output, or for the second order direction times gradient."""
        arrays = list(self.arrays)
        arrays[self.number] = moved
        result = self._run(arrays, 1, () if self.order == 1 else self.cotangents)
        if result.raised:  # outside the domain
            return numpy.full(1, numpy.nan)
        if self.order == 1:
            values = [v.array for v in result.outputs if v.array is not None]
            pairs = zip(self.cotangents, values, strict=True)
        else:
            gradients = (result.gradients or {}).values()
            pairs = zip([upcast(v) for v in self.truth.directions], gradients, strict=True)
        found = []
        for c, value in pairs:
            if c is None or value is None:
                continue
            if c.shape != value.shape:  # the shape hangs on the numbers
                return numpy.full(1, numpy.nan)
            with numpy.errstate(all="ignore"):
                found.append((c * value)[c != 0])
        return numpy.concatenate(found) if found else numpy.zeros(0)

    def line(self, w: Array) -> Line:
        """f along the direction."""
        x = self.arrays[self.number]
        slopes = numpy.where(w != 0, self.gradient, 0.0)
        scale, jitter = (float(numpy.linalg.norm(slopes * part)) for part in (w, x))
        return Line(lambda h: self.terms(x + h * w), scale, jitter * 2.0**-52)

    # --- the comparison ------------------------------------------------------------------------------------------

    def checked(self) -> Directional:
        """Along one direction; along another before torch is blamed; past kinks by leaving elements where they are."""
        x = self.arrays[self.number]
        nowhere = numpy.zeros(x.shape, dtype=bool)
        found = self.compared(0, nowhere)
        if found.outcome == DISAGREES:
            again = self.compared(1, nowhere)
            if again.outcome == DISAGREES:
                return self.second_opinion(found)
            found = replace(again, outcome=INVALID, reason="of two directions one agrees")
        if found.outcome == INVALID:
            steady = self.kinks() if x.size <= FEW else zero_or_tied(x)
            if steady.any() and not steady.all():
                again = self.compared(2, steady)
                if again.outcome != INVALID:
                    return replace(again, reason=f"{found.reason}; {int(steady.sum())} elements stay where they are")
        return self.second_opinion(found) if found.outcome == AGREES else found

    def kinks(self) -> Array:
        """The elements along which alone there is no derivative."""
        found = numpy.ones(self.arrays[self.number].shape, dtype=bool)
        for place in range(found.size):
            others = numpy.ones(found.shape, dtype=bool)
            others.reshape(-1)[place] = False
            found.reshape(-1)[place] = self.compared(2, others).outcome == INVALID
        return found

    def compared(self, attempt: int, steady: Array) -> Directional:
        """Along one direction."""
        w = self.direction(attempt, steady)
        line = self.line(w)
        found = self.answer(w, line)
        if found.outcome == DISAGREES:  # before torch is blamed: is f rougher than its size tells?
            found = self.answer(w, line.measured())
        return found

    def answer(self, w: Array, line: Line) -> Directional:
        """What the differences along the line say."""
        with numpy.errstate(all="ignore"):
            products = numpy.where(w != 0, self.gradient * w, 0.0)
        torch, scale = float(products.sum()), float(numpy.linalg.norm(products))
        estimate = line.central
        if not numpy.isfinite(estimate.value):
            return self.said(INVALID, torch, estimate, scale, "the values along the line are not finite")
        scale = max(scale, abs(estimate.value))
        close = abs(estimate.value - torch) <= 10 * estimate.error + FLOOR * scale
        sharp = estimate.error <= BLUNT * scale or torch == estimate.value == 0.0
        if close and sharp:
            return self.said(AGREES, torch, estimate, scale)
        left, right = line.backward, line.forward
        if left.differs(right) or not (numpy.isfinite(left.error) and numpy.isfinite(right.error)):
            reason = f"at a kink or a tie: {left.value:.6g} from the left, {right.value:.6g} from the right"
            return self.said(INVALID, torch, estimate, scale, reason)
        if not sharp:
            return self.said(INVALID, torch, estimate, scale, "the differences do not converge: a jump, or too rough")
        return self.said(DISAGREES, torch, estimate, scale)

    def said(self, outcome: str, torch: float, estimate: Estimate, scale: float, reason: str = "") -> Directional:
        """The answer in words."""
        case = self.truth.case
        check = GRADIENT if self.order == 1 else SECOND
        numbers = (torch, estimate.value, estimate.error, scale)
        return Directional(
            case.id, case.operation.name, case.family, check, self.name, outcome, *numbers, reason=reason
        )

    # --- the complex step ----------------------------------------------------------------------------------------

    def second_opinion(self, found: Directional) -> Directional:
        """The answer, with what the complex step says about it where there is one."""
        if self.order > 1 or self.truth.case.operation.name not in ANALYTIC:
            return found
        w = self.direction(0, numpy.zeros(self.arrays[self.number].shape, dtype=bool))
        estimate = self.complex_step(w)
        if estimate is None:
            return found
        with numpy.errstate(all="ignore"):
            products = numpy.where(w != 0, self.gradient * w, 0.0)
        torch, scale = float(products.sum()), max(float(numpy.linalg.norm(products)), abs(estimate.value))
        agrees = abs(torch - estimate.value) <= 10 * estimate.error + FLOOR * scale
        if agrees and found.outcome == AGREES:
            return replace(self.said(AGREES, torch, estimate, scale), method="complex step")
        verb = "agrees with torch" if agrees else f"says {estimate.value:.15g} where torch says {torch:.15g}"
        return replace(found, reason=f"{found.reason} the complex step {verb}".strip())

    def complex_step(self, w: Array) -> Estimate | None:
        """Im f(x + i h w) / h, or None where torch does not take complex numbers here."""
        arrays = [array.astype(numpy.complex128) if array.dtype == numpy.float64 else array for array in self.arrays]
        arrays[self.number] = self.arrays[self.number] + 1j * COMPLEX_STEP * w
        result = self._run(arrays, 0, ())
        values = [v.array for v in result.outputs if v.array is not None]
        if OUTPUT in result.raised or any(value.dtype.kind != "c" for value in values):
            return None
        pairs = zip(self.cotangents, values, strict=True)
        parts = [(c * v.imag).reshape(-1) / COMPLEX_STEP for c, v in pairs if c is not None]
        terms = numpy.concatenate(parts)
        if not numpy.isfinite(terms).all():
            return None
        return Estimate(float(terms.sum()), 2.0**-50 * float(numpy.linalg.norm(terms)))


def zero_or_tied(x: Array) -> Array:
    """Where an element is zero, or equal to another in magnitude: kinks and ties are there.

    >>> zero_or_tied(numpy.array([0.0, 1.0, 2.0, -1.0, 3.0]))
    array([ True,  True, False,  True, False])
    """
    values, places, counts = numpy.unique(numpy.abs(x), return_inverse=True, return_counts=True)
    tied: Array = ((counts > 1) | (values == 0))[places.reshape(x.shape)]
    return tied


# --- the command -----------------------------------------------------------------------------------------------------


def sampled(cases: Iterable[Case], rows: int) -> Iterator[Case]:
    """At most so many cases with a gradient for each operation; each array of numbers once, at the first dtype."""
    seen: Counter[str] = Counter()
    for case in cases:
        if GRADIENT in case.checks and ERROR not in case.checks and case.dtype in ("float32", "float64"):
            seen[case.operation.name] += 1
            if seen[case.operation.name] <= rows:
                yield case


def main(argv: Sequence[str] | None = None) -> int:
    """Check the catalogue; 1 if torch is wrong anywhere that is not known."""
    from conformance.run import Selection, select

    parser = argparse.ArgumentParser(prog="python -m conformance.derivatives", description="Check torch's gradients.")
    parser.add_argument("--ops", default="", help="patterns of operations, by commas")
    parser.add_argument("--rows", type=int, default=3, help="cases an operation (%(default)d)")
    parser.add_argument("--verbose", action="store_true", help="show invalid checks too")
    options = parser.parse_args(argv)
    patterns = tuple(filter(None, options.ops.split(",")))
    counts: dict[str, Counter[str]] = {}
    known: Counter[tuple[str, str, str]] = Counter()
    wrong = 0
    for case in sampled(select(Selection(operations=patterns)), options.rows):
        for found in check_gradients(case).directions:
            counts.setdefault(found.family, Counter())[found.outcome] += 1
            if found.known:
                known[found.operation, found.check, found.known] += 1
            elif found.outcome == DISAGREES or (found.outcome == INVALID and options.verbose):
                print(found)
            wrong += found.outcome == DISAGREES and not found.known
    for (operation, check, why), times in known.items():
        print(f"known: {operation} {check}, {times} times: {why}")
    print(f"{'family':16}{AGREES:>10}{DISAGREES:>10}{INVALID:>10}")
    for family, tally in sorted(counts.items()):
        print(f"{family:16}{tally[AGREES]:10}{tally[DISAGREES]:10}{tally[INVALID]:10}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
