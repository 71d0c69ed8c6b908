"""conformance: is this implementation torch? Element by element, with no guessed tolerance.

`conform run --candidate refnet` compares everything. `assert_conforms` is for anybody's pytest, `judge` returns the
verdict it rests on.
"""

from conformance.api import assert_conforms as assert_conforms
from conformance.api import judge as judge
from conformance.case import Case as Case
from conformance.verdict import Verdict as Verdict
