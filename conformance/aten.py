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
})

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
