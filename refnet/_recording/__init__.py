"""Noting down every call of numpy that a function makes, to make the same calls again without the function.

A training step on small arrays is nearly all Python: of a tape, of kernels that look at shapes, of numpy's own wrappers.
None of it depends on the numbers. So the step is run once on arrays that note what is called on them, and from then on the
list of calls is the step: the same functions on the same memory.

- `active`: the recorder of this thread, and what the engine tells it: draws, parts for several threads.
- `array`: `Recorded`, the array that notes what is done to it; `creators`: numpy's functions that make arrays.
- `notes`: the calls, as they are noted, and the recorder.
- `compare`: whether two recordings of one function are the same program; what cannot be recorded shows here.
- `results`: what a captured step may return, on a GPU too.
- `program`: the calls that are needed, bound to their memory; `memory`: as little of it as they need.

What keeps it from being silently wrong: values that leave the arrays for Python are refused or watched (`array`), arrays
that come from somewhere else are refused (`notes`), two recordings must agree down to the last number and address
(`compare`), and the first replay must give the bits of the function itself, after all memory was filled with rubbish.
"""
