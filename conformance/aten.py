"""aten operations by how they round: what Monte-Carlo arithmetic disturbs, and how."""

# fmt: off
# The result is one of the inputs' numbers, or no number at all: nothing is rounded.
EXACT = frozenset({
    "abs", "alias", "amax", "amin", "any", "all", "arange", "argmax", "argmin", "as_strided", "bernoulli",
    "bernoulli_", "broadcast_to", "cat", "clone", "constant_pad_nd", "contiguous", "copy", "copy_", "detach",
    "diagonal", "embedding", "empty", "empty_like", "empty_strided", "eq", "expand", "fill", "fill_", "flip",
    "full", "full_like", "gather", "ge", "gt", "index", "index_fill", "index_put", "index_select", "isfinite",
    "isinf", "isnan", "le", "leaky_relu_", "lift_fresh", "logical_and", "logical_not", "logical_or", "lt",
    "masked_fill", "masked_fill_", "masked_scatter", "max", "max_pool2d_with_indices", "max_pool3d_with_indices",
    "maximum", "min", "minimum", "narrow", "ne", "neg", "new_empty", "new_empty_strided", "new_full", "new_ones",
    "new_zeros", "nonzero", "normal_", "one_hot", "ones", "ones_like", "permute", "random_", "relu", "relu_",
    "repeat", "reshape", "roll", "scatter", "select", "select_backward", "set_", "sign", "slice", "slice_backward",
    "sort", "split", "split_with_sizes", "squeeze", "stack", "t", "threshold_backward", "topk", "transpose", "tril",
    "triu", "unbind", "unfold", "uniform_", "unsqueeze", "unsqueeze_", "view", "where", "zero_", "zeros",
    "zeros_like", "clamp", "clamp_min", "clamp_max", "hardtanh", "hardtanh_backward", "threshold", "_unsafe_view",
    "_reshape_alias", "_to_copy", "lift_fresh_copy", "squeeze_", "resize_", "floor", "ceil", "round", "trunc",
    "_pack_padded_sequence", "adaptive_max_pool2d", "adaptive_max_pool3d", "alias_copy", "aminmax", "as_strided_copy",
    "as_strided_scatter", "channel_shuffle", "copysign", "cummax", "cummin", "diag_embed", "diagonal_backward",
    "diagonal_copy", "diagonal_scatter", "expand_copy", "fmax", "fmin", "fractional_max_pool2d",
    "fractional_max_pool3d", "hardshrink", "hardshrink_backward", "heaviside", "im2col", "index_copy", "kthvalue",
    "lu_unpack", "masked_scatter_backward", "masked_select", "max_unpool2d", "max_unpool3d", "median", "mode",
    "nanmedian", "narrow_copy", "permute_copy", "pixel_shuffle", "pixel_unshuffle", "rot90", "select_copy",
    "select_scatter", "sgn", "slice_scatter", "split_with_sizes_copy", "squeeze_copy", "t_copy", "take",
    "transpose_copy", "unbind_copy", "unfold_copy", "unsafe_split", "unsqueeze_copy", "upsample_nearest1d",
    "upsample_nearest2d", "upsample_nearest3d", "view_copy",
})

# Exact where they reduce by "amax" or "amin", their fifth argument.
REDUCING = frozenset({"scatter_reduce", "index_reduce"})

# Of whole numbers they make whole numbers, in whatever order.
ADDING = frozenset({"add", "cumsum", "index_add", "rsub", "scatter_add", "sub", "sum"})
MULTIPLYING = frozenset({"cumprod", "mul", "prod"})

# Many terms are added. (Parts of names: "conv" stands for convolution and its backward passes.)
SUMMING = (
    "sum", "mean", "mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addmv", "conv", "batch_norm", "softmax", "norm",
    "var", "std", "cumsum", "logsumexp", "nll_loss", "mse_loss", "prod", "avg_pool", "linear", "index_add",
    "scatter_add", "layer_norm",
)

# Computed in several rounded steps: torch's own decomposition shows them one by one.
COMPOSITE = frozenset({
    "_log_softmax", "_log_softmax_backward_data", "_softmax", "_softmax_backward_data", "addcdiv", "addcmul",
    "addmm", "addmv", "baddbmm", "binary_cross_entropy", "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits", "embedding_dense_backward", "gelu", "gelu_backward", "glu", "glu_backward",
    "huber_loss", "huber_loss_backward", "hypot", "lerp", "linalg_vector_norm", "log_sigmoid_backward",
    "log_sigmoid_forward", "logaddexp", "logaddexp2", "logit", "logit_backward", "logsumexp", "mean", "mish",
    "mish_backward", "mse_loss", "mse_loss_backward", "native_batch_norm_backward", "native_dropout",
    "native_dropout_backward", "native_group_norm", "native_group_norm_backward", "native_layer_norm",
    "native_layer_norm_backward", "nll_loss_backward", "nll_loss_forward", "norm", "rsub", "sigmoid_backward",
    "silu", "silu_backward", "sinc", "smooth_l1_loss", "smooth_l1_loss_backward", "softplus", "softplus_backward",
    "softshrink", "std", "std_mean", "tanh_backward", "var", "var_mean", "xlog1py", "xlogy",
})
# fmt: on
