"""Parameters of torch's functions, in order, with their defaults: what a call leaves out can be wrong too.

A default of `...` marks a parameter that has none or that is an input.
"""

import ast
from functools import lru_cache
from typing import Any

_NORMALISED = "weight=None, bias=None, eps=1e-5"
_POOL = "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True"
_MAX_POOL = "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False"
_CONV = "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"
_TRANSPOSED = "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1"
_LOSS = "input, target, size_average=None, reduce=None, reduction='mean'"
_EMBEDDED = "max_norm=None, norm_type=2.0, scale_grad_by_freq=False"
_PRODUCT = "input, mat1, mat2, *, beta=1, alpha=1"
_EXTREME = "input, dim=None, keepdim=False"

_SIGNATURES = {
    "nn.functional.layer_norm": f"input, normalized_shape, {_NORMALISED}",
    "nn.functional.group_norm": f"input, num_groups, {_NORMALISED}",
    "nn.functional.rms_norm": "input, normalized_shape, weight=None, eps=None",
    "nn.functional.batch_norm": "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5",
    "nn.functional.instance_norm": "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5",
    "nn.functional.local_response_norm": "input, size, alpha=1e-4, beta=0.75, k=1.0",
    "nn.functional.normalize": "input, p=2.0, dim=1, eps=1e-12",
    "nn.functional.cosine_similarity": "x1, x2, dim=1, eps=1e-8",
    "nn.functional.pairwise_distance": "x1, x2, p=2.0, eps=1e-6, keepdim=False",
    "nn.functional.avg_pool1d": _POOL,
    "nn.functional.avg_pool2d": f"{_POOL}, divisor_override=None",
    "nn.functional.avg_pool3d": f"{_POOL}, divisor_override=None",
    "nn.functional.max_pool1d": _MAX_POOL,
    "nn.functional.max_pool2d": _MAX_POOL,
    "nn.functional.max_pool3d": _MAX_POOL,
    "nn.functional.lp_pool1d": "input, norm_type, kernel_size, stride=None, ceil_mode=False",
    "nn.functional.lp_pool2d": "input, norm_type, kernel_size, stride=None, ceil_mode=False",
    "nn.functional.lp_pool3d": "input, norm_type, kernel_size, stride=None, ceil_mode=False",
    "nn.functional.conv1d": _CONV,
    "nn.functional.conv2d": _CONV,
    "nn.functional.conv3d": _CONV,
    "nn.functional.conv_transpose1d": _TRANSPOSED,
    "nn.functional.conv_transpose2d": _TRANSPOSED,
    "nn.functional.conv_transpose3d": _TRANSPOSED,
    "nn.functional.linear": "input, weight, bias=None",
    "nn.functional.bilinear": "input1, input2, weight, bias=None",
    "nn.functional.unfold": "input, kernel_size, dilation=1, padding=0, stride=1",
    "nn.functional.fold": "input, output_size, kernel_size, dilation=1, padding=0, stride=1",
    "nn.functional.pad": "input, pad, mode='constant', value=0.0",
    "nn.functional.interpolate": "input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None, antialias=False",
    "nn.functional.grid_sample": "input, grid, mode='bilinear', padding_mode='zeros', align_corners=False",
    "nn.functional.affine_grid": "theta, size, align_corners=False",
    "nn.functional.pixel_shuffle": "input, upscale_factor",
    "nn.functional.gelu": "input, *, approximate='none'",
    "nn.functional.leaky_relu": "input, negative_slope=0.01",
    "nn.functional.elu": "input, alpha=1.0",
    "nn.functional.celu": "input, alpha=1.0",
    "nn.functional.softplus": "input, beta=1.0, threshold=20.0",
    "nn.functional.softshrink": "input, lambd=0.5",
    "nn.functional.hardshrink": "input, lambd=0.5",
    "nn.functional.hardtanh": "input, min_val=-1.0, max_val=1.0",
    "nn.functional.threshold": "input, threshold, value",
    "nn.functional.rrelu": "input, lower=0.125, upper=0.3333333333333333, training=False",
    "nn.functional.glu": "input, dim=-1",
    "nn.functional.softmax": "input, dim=None",
    "nn.functional.softmin": "input, dim=None",
    "nn.functional.log_softmax": "input, dim=None",
    "nn.functional.dropout": "input, p=0.5, training=True",
    "nn.functional.nll_loss": "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "nn.functional.cross_entropy": "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    "nn.functional.binary_cross_entropy": "input, target, weight=None, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.binary_cross_entropy_with_logits": "input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None",
    "nn.functional.kl_div": f"{_LOSS}, log_target=False",
    "nn.functional.mse_loss": f"{_LOSS}, weight=None",
    "nn.functional.l1_loss": f"{_LOSS}, weight=None",
    "nn.functional.smooth_l1_loss": f"{_LOSS}, beta=1.0",
    "nn.functional.huber_loss": "input, target, reduction='mean', delta=1.0, weight=None",
    "nn.functional.soft_margin_loss": _LOSS,
    "nn.functional.hinge_embedding_loss": "input, target, margin=1.0, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.cosine_embedding_loss": "input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.margin_ranking_loss": "input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.multi_margin_loss": "input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.multilabel_margin_loss": _LOSS,
    "nn.functional.multilabel_soft_margin_loss": "input, target, weight=None, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.triplet_margin_loss": "anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction='mean'",
    "nn.functional.poisson_nll_loss": "input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean'",
    "nn.functional.gaussian_nll_loss": "input, target, var, full=False, eps=1e-6, reduction='mean'",
    "nn.functional.embedding": f"input, weight, padding_idx=None, {_EMBEDDED}",
    "nn.functional.embedding_bag": f"input, weight, offsets=None, {_EMBEDDED}, mode='mean'",
    "nn.functional.scaled_dot_product_attention": "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None",
    "addmm": _PRODUCT,
    "addmv": _PRODUCT,
    "addbmm": _PRODUCT,
    "baddbmm": _PRODUCT,
    "addr": _PRODUCT,
    "addcmul": "input, tensor1, tensor2, *, value=1",
    "addcdiv": "input, tensor1, tensor2, *, value=1",
    "add": "input, other, *, alpha=1",
    "sub": "input, other, *, alpha=1",
    "rsub": "input, other, *, alpha=1",
    "softmax": "input, dim",
    "log_softmax": "input, dim",
    "logsumexp": "input, dim, keepdim=False",
    "cumsum": "input, dim",
    "cumprod": "input, dim",
    "cummax": "input, dim",
    "cummin": "input, dim",
    "logcumsumexp": "input, dim",
    "sum": _EXTREME,
    "mean": _EXTREME,
    "nansum": _EXTREME,
    "prod": _EXTREME,
    "amax": _EXTREME,
    "amin": _EXTREME,
    "argmax": _EXTREME,
    "argmin": _EXTREME,
    "all": _EXTREME,
    "any": _EXTREME,
    "max": _EXTREME,
    "min": _EXTREME,
    "norm": "input, p='fro', dim=None, keepdim=False",
    "linalg.vector_norm": "x, ord=2, dim=None, keepdim=False",
    "sort": "input, dim=-1, descending=False, stable=False",
    "argsort": "input, dim=-1, descending=False, stable=False",
    "topk": "input, k, dim=-1, largest=True, sorted=True",
    "kthvalue": "input, k, dim=-1, keepdim=False",
    "div": "input, other, *, rounding_mode=None",
    "tril": "input, diagonal=0",
    "triu": "input, diagonal=0",
    "diag": "input, diagonal=0",
    "diagonal": "input, offset=0, dim1=0, dim2=1",
    "round": "input, *, decimals=0",
    "cross": "input, other, dim=None",
    "gather": "input, dim, index",
    "index_select": "input, dim, index",
    "index_add": "input, dim, index, source, *, alpha=1",
    "cat": "tensors, dim=0",
    "stack": "tensors, dim=0",
    "roll": "input, shifts, dims=None",
    "flip": "input, dims",
    "nan_to_num": "input, nan=0.0, posinf=None, neginf=None",
    "logit": "input, eps=None",
    # of the programs that name an optimizer
    "SGD": "*, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False",
    "Adam": "*, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False",
    "AdamW": "*, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False",
}


@lru_cache(maxsize=256)
def signature(operation: str) -> tuple[tuple[str, Any, bool], ...]:
    """(name, default, may stand by position) of every parameter; empty where the operation is not in the table.

    >>> signature("tril")
    (('input', Ellipsis, True), ('diagonal', 0, True))
    """
    text = _SIGNATURES.get(operation.replace("Tensor.", ""))
    if text is None:
        return ()
    arguments = ast.parse(f"def f({text}): pass").body[0]
    if not isinstance(arguments, ast.FunctionDef):
        raise TypeError(f"no signature: {text!r}")
    parts = arguments.args
    missing: list[Any] = [...] * (len(parts.args) - len(parts.defaults))
    found = [
        (name.arg, default, True)
        for name, default in zip(parts.args, missing + [ast.literal_eval(d) for d in parts.defaults], strict=True)
    ]
    found += [
        (name.arg, ... if default is None else ast.literal_eval(default), False)
        for name, default in zip(parts.kwonlyargs, parts.kw_defaults, strict=True)
    ]
    return tuple(found)
