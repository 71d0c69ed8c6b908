"""Attention: weights from the products of queries with keys, and values averaged by them (Vaswani et al. 2017).

Index glossary: L queries, S keys and values, N samples, H heads, E embedding dimension, D = E / H of one head.
"""

import math
import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import shape as shapes
from refnet._ops._args import c_name, expect_tensor
from refnet._ops._dims import dim_of
from refnet._ops.matmul import baddbmm, bmm, matmul
from refnet._ops.softmax import masked_softmax
from refnet.creation import ones, zeros, zeros_like
from refnet.nn.functional._arguments import expect_bool, expect_real
from refnet.nn.functional.activation import softmax
from refnet.nn.functional.conv import pad
from refnet.nn.functional.dropout import dropout
from refnet.nn.functional.linear import linear

# --- one head ---------------------------------------------------------------------------------------------------------


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(q k^T scale + mask) v, for q (.., L, D), k (.., S, D) and v (.., S, Dv): (.., L, Dv).

    - `attn_mask`, broadcast to (.., L, S): a floating one is added; of a boolean one, only True takes part. A query
      that may look at nothing gets zeros.
    - `dropout_p` drops weights, whether in training or not.
    - `is_causal`: query i sees keys 0 to i.
    - `scale` is 1 / sqrt(D) unless given.
    - `enable_gqa`: fewer heads (dimension -3) of keys and values than of queries, each shared by as many of these.

    The half types are computed in float32 and rounded at the end.

    >>> import refnet
    >>> q, k = refnet.ones(1, 2), refnet.tensor([[9.0, 9.0], [-9.0, -9.0]])
    >>> refnet.nn.functional.scaled_dot_product_attention(q, k, refnet.tensor([[1.0], [5.0]]))
    tensor([[1.]])
    """
    _check_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
    fused = _is_fused(query, key, value, attn_mask, dropout_p)
    check(
        attn_mask is None or not is_causal or fused,
        lambda: "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
    )
    check(
        0 <= dropout_p <= 1,
        lambda: f"scaled_dot_product_attention: dropout probability has to be between 0 and 1, but got {dropout_p}",
    )
    if enable_gqa:
        key, value = _share_heads(query, key, value)
    q, k, v = (x.float() if x.itemsize == 2 else x for x in (query, key, value))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None and q.shape[-1] else scale
    scores = matmul(q if scale is None else q * scale, k.transpose(-2, -1))  # (.., L, S)
    if is_causal:
        visible = ones(q.shape[-2], k.shape[-2], dtype=_dtype.bool_, device=q.device).tril()
        scores = scores.masked_fill(~visible, -math.inf)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype is _dtype.bool_ else scores + attn_mask
    weights = masked_softmax(scores, dim=scores.ndim - 1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    out = matmul(weights, v).to(query.dtype)
    return _in_order_of(query, out) if fused else out


def _check_attention(query: Any, key: Any, value: Any, mask: Any, dropout_p: Any, is_causal: Any, scale: Any) -> None:
    name = "scaled_dot_product_attention"
    for position, (argument, x) in enumerate((("query", query), ("key", key), ("value", value)), 1):
        expect_tensor(x, name, argument, position)
    if mask is not None:
        expect_tensor(mask, name, "attn_mask", 4)
    expect_real(dropout_p, name, "dropout_p", 5)
    expect_bool(is_causal, name, "is_causal", 6)
    check(
        scale is None or isinstance(scale, int | float),
        lambda: f"{name}(): argument 'scale' must be float, not {type(scale).__name__}",
        TypeError,
    )
    check(
        query.dtype is key.dtype is value.dtype,
        lambda: (
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{c_name(query.dtype)} key.dtype: {c_name(key.dtype)} and value.dtype: "
            f"{c_name(value.dtype)} instead."
        ),
    )
    check(
        min(query.ndim, key.ndim, value.ndim) >= 2,
        lambda: (
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} "
            f"key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        ),
    )
    check(
        mask is None or mask.dtype in (_dtype.bool_, _dtype.float32, query.dtype),
        lambda: (
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{c_name(mask.dtype)} and  query.dtype: {c_name(query.dtype)} instead."
        ),
    )
    check(
        query.is_floating_point(),
        lambda: f"expected scalar type Float but found {query.dtype} ({name}: query, Long or another integer type)",
    )
    if mask is not None and query.ndim == 4:
        dim_of(-2, mask.ndim)  # a mask for the keys alone is taken for other ranks only


def _is_fused(query: Any, key: Any, value: Any, mask: Any, dropout_p: float) -> bool:
    """Whether torch would run this in its one-pass kernel, which lays its result out as the query is."""
    return (
        query.ndim == key.ndim == value.ndim == 4
        and query.shape[3] == key.shape[3] == value.shape[3]
        and all(0 not in x.shape and x.stride(-1) == 1 for x in (query, key, value))
        and dropout_p <= 0
        and (mask is None or (not mask.requires_grad and mask.ndim in (2, 4)))
    )


def _in_order_of(query: Any, out: Any) -> Any:
    """`out` with its dimensions in the order in which the memory of `query` has them; row-major if that is expanded."""
    if 0 in query.stride():
        return out
    order = sorted(range(query.ndim), key=lambda d: -query.stride(d))
    back = [order.index(d) for d in range(query.ndim)]
    return out.permute(order).contiguous().permute(back)


def _share_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Keys and values with each head repeated for the query heads that share it."""
    heads = query.shape[dim_of(-3, query.ndim)]
    fewer = [x.shape[dim_of(-3, x.ndim)] for x in (key, value)]
    check(
        all(n and heads % n == 0 for n in fewer),
        lambda: (
            f"Number of heads in key and value must divide the number of heads in query, got {fewer[0]} and {fewer[1]} "
            f"for {heads}"
        ),
    )
    return tuple(_repeat_each(x, heads // n) for x, n in zip((key, value), fewer, strict=True))


def _repeat_each(x: Any, times: int) -> Any:
    """(.., H, S, D) -> (.., H times, S, D), copies of a head side by side."""
    *lead, heads, length, size = x.shape
    spread = x.unsqueeze(-3).expand(*lead, heads, times, length, size)
    return spread.reshape(*lead, heads * times, length, size)


# --- many heads -------------------------------------------------------------------------------------------------------


def additive_mask(mask: Any, name: str, dtype: Any, other: Any = None, other_name: str = "") -> Any:
    """A boolean mask as numbers to add, -inf where it is True; a floating one, or None, as it is.

    Warns where `mask` and `other` are of different types, which torch deprecates.
    """
    if mask is None:
        return None
    check(
        mask.dtype is _dtype.bool_ or mask.is_floating_point(),
        lambda: f"only bool and floating types of {name} are supported, got {mask.dtype}",
        AssertionError,
    )
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=2,
        )
    if mask.dtype is _dtype.bool_:
        return zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)
    return mask


def _is_batched(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether there is a batch dimension, after torch's checks of ranks."""
    check(
        query.ndim in (2, 3),
        lambda: f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor",
        AssertionError,
    )
    rank: int = query.ndim
    batched = rank == 3
    what = f"For {'' if batched else 'un'}batched ({rank}-D) `query`, expected"
    check(
        key.ndim == value.ndim == rank,
        lambda: (
            f"{what} `key` and `value` to be {rank}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        ),
        AssertionError,
    )
    check(
        padding is None or padding.ndim == rank - 1,
        lambda: f"{what} `key_padding_mask` to be `None` or {rank - 1}-D but found {padding.ndim}-D tensor instead",
        AssertionError,
    )
    check(
        mask is None or mask.ndim in (2, 3),
        lambda: f"{what} `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead",
        AssertionError,
    )
    if mask is not None and mask.ndim == 3 and not batched:
        expected = (heads, query.shape[0], key.shape[0])
        check(
            mask.shape == expected,
            lambda: f"Expected `attn_mask` shape to be {expected} but got {mask.shape}",
            AssertionError,
        )
    return batched


def _project_packed(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Queries, keys and values by the three parts of one weight (3 E, E); equal inputs go through together."""
    size = query.shape[-1]
    if key is value and query is key:
        return tuple(linear(query, weight, bias).chunk(3, -1))
    parts = weight.split(size)
    offsets = (None,) * 3 if bias is None else bias.split(size)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), parts, offsets, strict=True))


def _project_separately(
    query: Any, key: Any, value: Any, weights: tuple[Any, Any, Any], bias: Any
) -> tuple[Any, Any, Any]:
    """Queries, keys and values by weights (E, E), (E, Ek) and (E, Ev)."""
    size = query.shape[-1]
    names = ("query", "key", "value")
    for name, x, w in zip(names, (query, key, value), weights, strict=True):
        check(
            w is not None,
            lambda name=name: f"use_separate_proj_weight is True but {name[0]}_proj_weight is None",  # type: ignore[misc]
            AssertionError,
        )
        expected = (size, x.shape[-1])
        check(
            w.shape == expected,
            lambda name=name, w=w, expected=expected: (  # type: ignore[misc]
                f"expecting {name} weights shape of {expected}, but got {w.shape}"
            ),
            AssertionError,
        )
    offsets = (None,) * 3 if bias is None else bias.chunk(3)
    for name, b in zip(names, offsets, strict=True):
        check(
            b is None or b.shape == (size,),
            lambda name=name, b=b: f"expecting {name} bias shape of {(size,)}, but got {b.shape}",  # type: ignore[misc]
            AssertionError,
        )
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weights, offsets, strict=True))


def _checked_mask(mask: Any, batch: int, heads: int, targets: int, sources: int) -> Any:
    """A mask (L, S) as (1, L, S), or (N H, L, S) as it is."""
    expected = (targets, sources) if mask.ndim == 2 else (batch * heads, targets, sources)
    check(
        mask.shape == expected,
        lambda: f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}.",
    )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _check_static(given: Any, name: str, rows: int, size: int) -> None:
    for dim, expected in ((0, rows), (2, size)):
        check(
            given.shape[dim] == expected,
            lambda dim=dim, expected=expected: (  # type: ignore[misc]
                f"expecting {name}.size({dim}) of {expected}, but got {given.shape[dim]}"
            ),
            AssertionError,
        )


def _to_heads(x: Any, rows: int, size: int) -> Any:
    """(S, N, E) -> (N H, S, D)."""
    return x.reshape(x.shape[0], rows, size).transpose(0, 1)


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """The attention of H heads on projections of query (L, N, E), key and value (S, N, E), projected to (L, N, E).

    Also the weights if `need_weights`: (N, L, S), or (N, H, L, S) without `average_attn_weights`. N may be missing
    everywhere. `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N H, L, S): True hides a key, numbers are added.
    See `refnet.nn.MultiheadAttention` for the rest.
    """
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same, pair = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same else key.unsqueeze(1)
        value = key if pair else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    targets, batch, embed_dim = query.shape
    sources = key.shape[0]
    padding = additive_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask")
    check(
        not (is_causal and attn_mask is None),
        lambda: (
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        ),
    )
    by_hint = is_causal and padding is None and not need_weights
    mask = None if by_hint else additive_mask(attn_mask, "attn_mask", query.dtype)
    check(
        embed_dim == embed_dim_to_check,
        lambda: f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}",
        AssertionError,
    )
    size = embed_dim // num_heads
    check(
        size * num_heads == embed_dim,
        lambda: f"embed_dim {embed_dim} not divisible by num_heads {num_heads}",
        AssertionError,
    )
    if use_separate_proj_weight:
        check(
            key.shape[:2] == value.shape[:2],
            lambda: f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
            AssertionError,
        )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_separately(query, key, value, weights, in_proj_bias)
    else:
        check(
            key.shape == value.shape,
            lambda: f"key shape {key.shape} does not match value shape {value.shape}",
            AssertionError,
        )
        check(
            in_proj_weight is not None,
            lambda: "use_separate_proj_weight is False but in_proj_weight is None",
            AssertionError,
        )
        q, k, v = _project_packed(query, key, value, in_proj_weight, in_proj_bias)
    if mask is not None:
        mask = _checked_mask(mask, batch, num_heads, targets, sources)
    for given, missing, name in ((bias_k, bias_v, "k"), (bias_v, bias_k, "v")):
        check(
            given is None or missing is not None,
            lambda name=name: f"bias_{name} is set but bias_{'v' if name == 'k' else 'k'} is None",  # type: ignore[misc]
            AssertionError,
        )
    if bias_k is not None:
        check(static_k is None, lambda: "bias cannot be added to static key.", AssertionError)
        check(static_v is None, lambda: "bias cannot be added to static value.", AssertionError)
        k = shapes.cat([k, bias_k.repeat(1, batch, 1)])
        v = shapes.cat([v, bias_v.repeat(1, batch, 1)])
        mask, padding = (None if m is None else pad(m, (0, 1)) for m in (mask, padding))
    rows = batch * num_heads
    q = _to_heads(q, rows, size)  # (N H, L, D)
    for name, given in (("static_k", static_k), ("static_v", static_v)):
        if given is not None:
            _check_static(given, name, rows, size)
    k = _to_heads(k, rows, size) if static_k is None else static_k
    v = _to_heads(v, rows, size) if static_v is None else static_v
    if add_zero_attn:
        k, v = (shapes.cat([x, zeros(rows, 1, size, dtype=x.dtype, device=x.device)], 1) for x in (k, v))
        mask, padding = (None if m is None else pad(m, (0, 1)) for m in (mask, padding))
    sources = k.shape[1]
    if padding is not None:
        mask = _with_padding(mask, padding, batch, num_heads, sources)
    p = dropout_p if training else 0.0
    if need_weights:
        out, attention = _attend(q, k, v, mask, p)
    else:
        q, k, v = (x.reshape(batch, num_heads, -1, size) for x in (q, k, v))
        if mask is not None:
            single = mask.shape[0] == 1
            mask = mask.unsqueeze(0) if single else mask.reshape(batch, num_heads, -1, sources)
        out, attention = scaled_dot_product_attention(q, k, v, mask, p, by_hint), None
        out = out.reshape(rows, targets, size)
    out = out.transpose(0, 1).reshape(targets * batch, embed_dim)
    out = linear(out, out_proj_weight, out_proj_bias).reshape(targets, batch, -1)
    if attention is not None:
        attention = attention.reshape(batch, num_heads, targets, sources)
        attention = attention.mean(1) if average_attn_weights else attention
    if batched:
        return out, attention
    return out.squeeze(1), None if attention is None else attention.squeeze(0)


def _with_padding(mask: Any, padding: Any, batch: int, heads: int, sources: int) -> Any:
    """The attention mask, if any, plus the padding's: (N H, 1 or L, S)."""
    for dim, expected in ((0, batch), (1, sources)):
        check(
            padding.shape[dim] == expected,
            lambda dim=dim, expected=expected: (  # type: ignore[misc]
                f"Expected key_padded_mask.shape[{dim}] to be {expected}, but got {padding.shape[dim]}"
            ),
            AssertionError,
        )
    each = padding.reshape(batch, 1, 1, sources).expand(batch, heads, 1, sources).reshape(batch * heads, 1, sources)
    return each if mask is None else mask + each


def _attend(q: Any, k: Any, v: Any, mask: Any, p: float) -> tuple[Any, Any]:
    """Values (N H, L, D) averaged by the weights (N H, L, S), and these."""
    scaled = q * math.sqrt(1 / q.shape[-1])
    keys = k.transpose(-2, -1)
    scores = bmm(scaled, keys) if mask is None else baddbmm(mask, scaled, keys)
    weights = softmax(scores, -1)
    if p > 0:
        weights = dropout(weights, p)
    return bmm(weights, v), weights
