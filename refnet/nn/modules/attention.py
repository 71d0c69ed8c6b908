"""Multi-head attention."""

from typing import Any

from refnet._check import check
from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.attention import additive_mask, multi_head_attention_forward
from refnet.nn.modules.linear import Linear
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` by another name, under which torch shows the output projection of an attention."""


class MultiheadAttention(Module):
    """softmax(q k^T / sqrt(D)) v by each of `num_heads` heads, on projections, the results projected together.

    For query (L, N, E), key (S, N, kdim) and value (S, N, vdim), with `batch_first` (N, L, E) and so on, or all without
    N: the output, of the query's shape, and the weights, (N, L, S) averaged over heads. `forward` takes
    `need_weights=False` for no weights, `average_attn_weights=False` for (N, H, L, S), `key_padding_mask` (N, S) and
    `attn_mask` (L, S) or (N H, L, S), where True hides a key and numbers are added, and `is_causal`, a hint that
    `attn_mask` is the causal one.

    Parameters: in_proj_weight (3 E, E) (or q_, k_ and v_proj_weight where kdim or vdim differ from E) and
    in_proj_bias, Xavier-uniform and 0; out_proj, a linear layer with bias 0; bias_k and bias_v (1, 1, E) if
    `add_bias_kv`, one more key and value, Xavier-normal; `add_zero_attn` adds a key and value of zeros.

    >>> import refnet
    >>> attention = refnet.nn.MultiheadAttention(4, 2)
    >>> x = refnet.zeros(3, 1, 4)
    >>> [part.shape for part in attention(x, x, x)]
    [refnet.Size([3, 1, 4]), refnet.Size([1, 3, 3])]
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check(
            embed_dim > 0 and num_heads > 0,
            lambda: (
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            ),
            ValueError,
        )
        super().__init__()
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.head_dim = embed_dim // num_heads
        check(
            self.head_dim * num_heads == embed_dim,
            lambda: f"embed_dim must be divisible by num_heads, got embed_dim={embed_dim} and num_heads={num_heads}",
            AssertionError,
        )
        packed = self._qkv_same_embed_dim

        def parameter(*shape: int, wanted: bool = True) -> Parameter | None:
            return Parameter(empty(*shape, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("in_proj_weight", parameter(3 * embed_dim, embed_dim, wanted=packed))
        self.register_parameter("q_proj_weight", parameter(embed_dim, embed_dim, wanted=not packed))
        self.register_parameter("k_proj_weight", parameter(embed_dim, self.kdim, wanted=not packed))
        self.register_parameter("v_proj_weight", parameter(embed_dim, self.vdim, wanted=not packed))
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim, wanted=bias))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = parameter(1, 1, embed_dim, wanted=add_bias_kv)
        self.bias_v = parameter(1, 1, embed_dim, wanted=add_bias_kv)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        padding = additive_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask")
        mask = additive_mask(attn_mask, "attn_mask", query.dtype)
        turned = self.batch_first and query.ndim == 3
        if turned:  # (N, L, E) -> (L, N, E); what was one tensor stays one
            same, pair = query is key, key is value
            query = query.transpose(1, 0)
            key = query if same else key.transpose(1, 0)
            value = key if pair else value.transpose(1, 0)
        out, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=padding,
            need_weights=need_weights,
            attn_mask=mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return out.transpose(1, 0) if turned else out, weights
