"""Kernels for a GPU, in CUDA C: each a second form of an operation whose first is written in arrays.

On a GPU a numpy-like call costs what a small kernel costs: the time to launch it. An operation of ten such calls is
ten times as slow as it need be, and so the operations that a training step is made of have a kernel, or two, here. A
family has two files: `family.cu`, the kernels, and `family.py`, what calls them on bare arrays. A caller takes the
array module first, as the array form does, and returns NotImplemented for what the kernels do not handle, such as another type
than float32 and float64. Then the array form computes it. Kernels read arrays row by row in memory; other layouts are
copied, but for elementwise operations, whose results keep the layout of their operands.

The operations register the callers (`Primitive.on_gpu`, `Primitive.directly_on_gpu`) beside the array form. Nothing here
imports cupy: the module comes with the arrays.

Rules for a kernel: a loop that strides over the grid, so that any number of blocks gives the same result; indices of 64
bits; sums in double; no atomics and no dependence on the order of blocks, so that a result is the same in every run; and
what the array form gives for nan, infinities and ties.
"""
