"""What the stand-in takes for granted about cupy, each as a statement and a check that runs on either.

    python -m conformance.standin.assumptions               on a machine with a GPU: against the real cupy
    python -m conformance.standin.assumptions --stand-in    against the stand-in

A table is printed; the exit status is 1 if one does not hold. An assumption that is about names and shapes alone is
marked `metadata`: it is checked on any machine that can import cupy, over memory that is not there.
"""

from conformance.standin.assumptions import arrays as arrays
from conformance.standin.assumptions import elements as elements
from conformance.standin.assumptions import layout as layout
from conformance.standin.assumptions import names as names
from conformance.standin.assumptions import numbers as numbers
from conformance.standin.assumptions import result_types as result_types
from conformance.standin.assumptions.listing import ASSUMPTIONS as ASSUMPTIONS
from conformance.standin.assumptions.listing import Assumption as Assumption
from conformance.standin.assumptions.listing import check as check
