"""The stand-in for `cupy.cuda`: devices, streams, memory and captured graphs, on the host.

What an array of the stand-in needs from here, in a few calls:

- ``cuda.alloc(nbytes)``: a `MemoryPointer`; its ``bytes`` are the host memory to look into, its ``mem`` what `submit`
  wants to know.
- ``capture.submit(operation, reads=[...], writes=[...])`` for whatever runs on the GPU: `operation` has no arguments
  and writes into memory that was allocated before. It runs at once, or, while the current stream captures, at every
  replay; either way the order between streams is checked.
- ``capture.host_reads(mem, "ndarray.get")`` before the host looks at values.
- ``capture.capturing()``: whether what is computed now is only recorded.
- ``machine.pretend(devices=2)``, ``machine.pretend(driver=False)``: other machines.
"""

from conformance.standin.runtime import capture as capture
from conformance.standin.runtime import cuda as cuda
from conformance.standin.runtime import machine as machine
from conformance.standin.runtime.errors import CUDARuntimeError as CUDARuntimeError
from conformance.standin.runtime.errors import UnorderedAccess as UnorderedAccess
