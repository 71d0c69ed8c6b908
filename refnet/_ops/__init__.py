"""The operations: forward kernels, gradient rules and algorithm variants, one family per file."""
