"""Normalizations that give the moments they used beside the result."""

from conformance.cases import CHECKS, HALVES, MEMORY_FORMAT, SECOND, args, normal, ops, positive, refuses

CHANNEL = normal(6)
# torch's evaluating kernel has no gradient for gradients of the moments, which are empty.
EVALUATED = args(normal(4, 6, 5), CHANNEL, CHANNEL, normal(6).fixed(), positive(6).fixed(), False, 0.1, 1e-5)

CASES = [
    *ops(
        "native_layer_norm",
        [args(normal(4, 6), (6,), CHANNEL, CHANNEL, 1e-5), args(normal(2, 3, 6), (3, 6), None, None, 0.1)],
        layouts=(),
    ),
    *ops("native_layer_norm", [args(normal(4, 6), (6,), None, None, 1e-5)], dtypes=HALVES, layouts=()),
    *ops(
        "native_group_norm",
        [
            args(normal(2, 6, 5), CHANNEL, CHANNEL, 2, 6, 5, 3, 1e-5),
            args(normal(2, 6, 2, 2), None, None, 2, 6, 4, 2, 0.1),
        ],
        layouts=(),
    ),
    *ops(
        "native_batch_norm",
        [
            args(normal(4, 6, 5), CHANNEL, CHANNEL, normal(6).fixed(), positive(6).fixed(), True, 0.1, 1e-5),
            args(normal(7, 6), None, None, None, None, True, 0.1, 0.1),
            EVALUATED,
        ],
        layouts=(),
        checks=CHECKS - {MEMORY_FORMAT},
    ),
    *ops(
        "native_batch_norm",
        [args(normal(7, 6), None, None, None, None, True, 0.1, 0.1)],
        dtypes=HALVES,
        checks=CHECKS - {SECOND},
        layouts=(),
    ),
    *refuses(
        "native_layer_norm", [args(normal(4, 6), (5,), None, None, 1e-5), args(normal(4, 6), (), None, None, 1e-5)]
    ),
]
