"""The gate: what got worse since the baseline, without crying wolf.

A run (`reports/latest`) is held against a baseline that is committed (`reports/baseline`), area by area:

- `verdicts.py`: a case that failed to pass, that lost support, that is not there any more (and what was mended);
- `accuracy.py`: an operation whose rounding errors grew by more than chance makes them;
- `speed.py`: a row of the timing table that became slower, relative to torch, than noise explains: what a row's noise is
  (`ratios.py`), and the test of a row that looked slower (`sequential.py`);
- `surroundings.py`: what differs between the two runs' machines and libraries, and what cannot be compared for it.

Whatever looks worse is done again (`again.py`, `retiming.py`) before it is called so. What cannot be compared is said, and is
no pass. How often it is wrong, and what it sees, is measured: `docs/gate.md`.
"""

from conformance.gate.change import Change as Change
from conformance.gate.change import Findings as Findings
from conformance.gate.compare import compare as compare
from conformance.gate.snapshot import Snapshot as Snapshot
from conformance.gate.snapshot import read as read
from conformance.gate.snapshot import write as write
