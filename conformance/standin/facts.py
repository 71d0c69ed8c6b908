"""Facts about cupy's functions that their signatures do not tell, by name."""

# fmt: off

# What cupy waits for: the shape of the result depends on the elements, or they are looked at to be refused.
WAITING = frozenset((
    "argwhere", "bincount", "compress", "delete", "extract", "flatnonzero", "histogram", "histogram2d",
    "histogramdd", "intersect1d", "nonzero", "percentile", "quantile", "setdiff1d", "setxor1d", "trim_zeros",
    "union1d", "unique", "unravel_index",
))

# What looks at the routine's info, and so waits, under cupyx.errstate(linalg="raise"); in cupy.linalg.
CHECKED = frozenset((
    "cholesky", "det", "eigh", "eigvalsh", "inv", "lstsq", "matrix_rank", "pinv", "qr", "slogdet", "solve", "svd",
    "tensorinv", "tensorsolve",
))

# Whose results for single matrices are column-major, as LAPACK leaves them; in cupy.linalg.
COLUMN_MAJOR = frozenset((
    "eigh", "inv", "qr", "solve", "svd",
))

# What makes arrays from what is not one; every other function wants an array, and converts nothing.
MAKING = frozenset((
    "bartlett", "blackman", "diag_indices", "eye", "fromfunction", "hamming", "hanning", "identity", "indices",
    "kaiser", "linspace", "logspace", "meshgrid", "tri", "tril_indices", "triu_indices",
))

# What puts arrays together, and not lists or numbers.
OF_ARRAYS = frozenset((
    "column_stack", "concatenate", "dstack", "hstack", "stack", "vstack",
))

# Where cupy 14 has nothing for bfloat16: scans, sorts, searches, solvers. (Sums, products, means, extrema: it has.)
WITHOUT_BFLOAT16 = frozenset((
    "argpartition", "argsort", "bincount", "cholesky", "cumprod", "cumsum", "det", "digitize", "eigh", "eigvalsh",
    "histogram", "interp", "inv", "isin", "lexsort", "lstsq", "matrix_power", "matrix_rank", "median", "nancumprod",
    "nancumsum", "nanmedian", "nanstd", "nanvar", "norm", "partition", "percentile", "pinv", "ptp", "qr",
    "quantile", "searchsorted", "slogdet", "solve", "sort", "std", "svd", "tensorinv", "tensorsolve", "unique",
    "var",
))

# What says something about types and shapes, or is a constant: numpy's own values.
METADATA = frozenset((
    "broadcast_shapes", "can_cast", "common_type", "dtype", "e", "euler_gamma", "finfo", "format_float_positional",
    "format_float_scientific", "get_printoptions", "iinfo", "index_exp", "inf", "iscomplexobj", "isdtype",
    "isrealobj", "isscalar", "issubdtype", "min_scalar_type", "nan", "ndim", "newaxis", "pi", "printoptions",
    "promote_types", "result_type", "s_", "set_printoptions", "shape", "size",
))
