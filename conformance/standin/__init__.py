"""A strict stand-in for cupy, on numpy: so that refnet's GPU path runs, and cannot rot, where there is no GPU.

    from conformance import standin

    with standin.installed():
        x = refnet.ones(3, device="cuda")      # refnet finds it as cupy
    with standin.counted() as seen: ...        # reads of the device by the host, by name
    with standin.forbidden(): ...              # where one raises

It has the names, arguments and loops that cupy 13 and 14 both have, and behaves as cupy where that is not as numpy
does. Where cupy goes on silently with numbers that numpy would refuse, it raises `StandInError`. `assumptions.py`
lists what it takes for granted, and checks it against either: README.md says how.
"""

from conformance.standin.modules import cupy as cupy
from conformance.standin.modules import install as install
from conformance.standin.modules import installed as installed
from conformance.standin.modules import uninstall as uninstall
from conformance.standin.names import StandInError as StandInError
from conformance.standin.transfers import HiddenTransfer as HiddenTransfer
from conformance.standin.transfers import announced as announced
from conformance.standin.transfers import counted as counted
from conformance.standin.transfers import forbidden as forbidden
from conformance.standin.transfers import total as total
