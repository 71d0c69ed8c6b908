"""Elements of torch's results with more digits than float64 has.

torch at float64 saturates (the exact GELU below -8.3, the gradient of sigmoid above 37) and rounds; and a candidate at
float64 needs an oracle better than float64. Here an element is computed by mpmath with as many digits as it takes, and
rounded once.

- `elements.py`: what is asked, and rounding to a pair of float64
- `jet.py`: numbers that carry derivatives, so that one formula gives output, gradient and second order
- `elementary.py`: exp, log, tanh, erf, ... with their derivatives
- `blocks.py`: which elements of the arguments an element of the result needs; the table of operations
- `pointwise.py`, `activation.py`, `reduction.py`, `product.py`, `loss.py`, `norm.py`: the operations
"""

from conformance.precise.elements import elements as elements
from conformance.precise.elements import has_form as has_form
