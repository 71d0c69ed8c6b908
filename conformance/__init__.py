"""conformance: is this implementation torch? Element by element, with no guessed tolerance.

`conform run --candidate refnet` compares everything; `judge` is the verdict on one pair of arrays.
"""

from conformance.case import Case as Case
from conformance.verdict import Scale as Scale
from conformance.verdict import Verdict as Verdict
from conformance.verdict import judge as judge
