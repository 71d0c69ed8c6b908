"""The transformer of Vaswani et al. (2017): encoder and decoder layers, stacks of them, and both together.

Index glossary: S source and T target positions, N samples, E = d_model. Tensors are (S, N, E), with `batch_first`
(N, S, E), or without N. Masks hide keys where True, and are added where they are numbers.
"""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._tape import mode
from refnet.creation import full
from refnet.nn import init
from refnet.nn.functional.activation import gelu, relu
from refnet.nn.functional.attention import additive_mask
from refnet.nn.modules.activation import GELU, ReLU
from refnet.nn.modules.attention import MultiheadAttention
from refnet.nn.modules.container import ModuleList
from refnet.nn.modules.dropout import Dropout
from refnet.nn.modules.linear import Linear
from refnet.nn.modules.module import Module
from refnet.nn.modules.normalization import LayerNorm

Activation = str | Callable[[Any], Any]


def _activation_of(activation: Activation) -> Any:
    """A function or module as it is, "relu" and "gelu" as functions."""
    if not isinstance(activation, str):
        return activation
    named = {"relu": relu, "gelu": gelu}
    check(activation in named, lambda: f"activation should be relu/gelu, not {activation}")
    return named[activation]


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Any:
    """-inf above the diagonal, 0 elsewhere: (size, size)."""
    return full((size, size), -math.inf, dtype=dtype, device=device).triu(1)


def _is_causal(mask: Any, is_causal: bool | None, size: int) -> bool:
    """What was said or, where nothing was, whether `mask` is the causal one."""
    if is_causal is not None or mask is None:
        return is_causal is True
    causal = _causal_mask(size, mask.device, mask.dtype)
    return mask.shape == causal.shape and bool((mask == causal).all())


def _length(x: Any, batch_first: bool) -> int:
    """The number of positions of (S, N, E), (N, S, E) or (S, E)."""
    length: int = x.shape[1 if batch_first and x.ndim == 3 else 0]
    return length


class TransformerEncoderLayer(Module):
    """Self-attention, then a network of two linear layers, each with dropout, a residual and a layer norm.

    x <- norm1(x + dropout1(attention(x))), x <- norm2(x + dropout2(linear2(dropout(activation(linear1(x)))))); with
    `norm_first` x <- x + dropout1(attention(norm1(x))) and so on. `forward` takes src (S, N, E), `src_mask` (S, S),
    `src_key_padding_mask` (N, S), and `is_causal`, a hint that src_mask is the causal mask.

    >>> import refnet
    >>> layer = refnet.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
    >>> layer(refnet.zeros(5, 3, 8)).shape
    refnet.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **options)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation_of(activation)

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        padding = additive_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, src_mask, "src_mask")
        mask = additive_mask(src_mask, "src_mask", src.dtype)
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask, padding, is_causal)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, mask, padding, is_causal))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        options = {"attn_mask": mask, "key_padding_mask": padding, "is_causal": is_causal}
        return self.dropout1(self.self_attn(x, x, x, need_weights=False, **options)[0])

    def _feed_forward(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """A `TransformerEncoderLayer` with a third part between its two: attention to the encoder's output, the memory.

    `forward` takes tgt (T, N, E) and memory (S, N, E), `tgt_mask` (T, T), `memory_mask` (T, S),
    `tgt_key_padding_mask` (N, T), `memory_key_padding_mask` (N, S), and the hints `tgt_is_causal` and
    `memory_is_causal`.

    >>> import refnet
    >>> layer = refnet.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16)
    >>> layer(refnet.zeros(5, 3, 8), refnet.zeros(4, 3, 8)).shape
    refnet.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **options)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **options)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation_of(activation)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        others = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "is_causal": memory_is_causal}
        x = tgt
        if self.norm_first:
            x = x + self._attend(self.norm1(x), own)
            x = x + self._attend_to(self.norm2(x), memory, others)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend(x, own))
        x = self.norm2(x + self._attend_to(x, memory, others))
        return self.norm3(x + self._feed_forward(x))

    def _attend(self, x: Any, masks: dict[str, Any]) -> Any:
        return self.dropout1(self.self_attn(x, x, x, need_weights=False, **masks)[0])

    def _attend_to(self, x: Any, memory: Any, masks: dict[str, Any]) -> Any:
        return self.dropout2(self.multihead_attn(x, memory, memory, need_weights=False, **masks)[0])

    def _feed_forward(self, x: Any) -> Any:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def _copies(layer: Any, count: int) -> ModuleList:
    """`count` layers that start with the same parameters."""
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one after the other, then `norm` if given.

    In evaluation, without gradients and with a padding mask alone, torch leaves the padding out of the computation
    (`enable_nested_tensor`): the result there is 0, before `norm`. So it is here.
    """

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check
        reason = _why_not_nested(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer{reason}",
                stacklevel=2,
            )

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Any:
        padding = additive_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, mask, "mask")
        mask = additive_mask(mask, "mask", src.dtype)
        first: Any = self.layers[0]
        is_causal = _is_causal(mask, is_causal, _length(src, first.self_attn.batch_first))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=is_causal, src_key_padding_mask=padding)
        if padding is not None and mask is None and self._leaves_padding_out(first, src, padding):
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _leaves_padding_out(self, first: Any, src: Any, padding: Any) -> bool:
        if not self.use_nested_tensor or first.training or src.ndim != 3:
            return False
        if mode.grad and any(t.requires_grad for t in (src, *first.parameters())):
            return False
        kept = padding == 0
        return not self.mask_check or not bool((kept[:, 1:] & ~kept[:, :-1]).any())  # the padding comes last


def _why_not_nested(layer: Any) -> str:
    """Which property of an encoder layer keeps torch from leaving the padding out, or ""."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention: Any = layer.self_attn
    activation = layer.activation
    reasons = {
        ".norm_first was True": layer.norm_first,
        ".self_attn.batch_first was not True(use batch_first for better inference performance)": not attention.batch_first,
        ".self_attn._qkv_same_embed_dim was not True": not attention._qkv_same_embed_dim,
        ".self_attn was passed bias=False": attention.in_proj_bias is None,
        ".activation_relu_or_gelu was not True": activation not in (relu, gelu)
        and not isinstance(activation, ReLU | GELU),
        ".norm1.eps was not equal to encoder_layer.norm2.eps": layer.norm1.eps != layer.norm2.eps,
        ".self_attn.num_heads is odd": attention.num_heads % 2 == 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one after the other, then `norm` if given."""

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        first: Any = self.layers[0]
        tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, first.self_attn.batch_first))
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder and a decoder, each with a final layer norm; all matrices start Xavier-uniform.

    `forward` takes src (S, N, E), tgt (T, N, E) and the masks of both: src_mask, tgt_mask, memory_mask and their
    key padding masks, and whether they are causal (None: look).

    >>> import refnet
    >>> model = refnet.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(refnet.zeros(3, 4, 8), refnet.zeros(3, 5, 8)).shape
    refnet.Size([3, 5, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        options: dict[str, Any] = {"device": device, "dtype": dtype}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **options)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*sizes, **options)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.encoder = custom_encoder
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*sizes, **options), num_decoder_layers, norm())
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        batch = 0 if self.batch_first else 1
        check(
            src.ndim != 3 or src.shape[batch] == tgt.shape[batch],
            lambda: f"the batch number of src and tgt must be equal, got {src.shape[batch]} and {tgt.shape[batch]}",
        )
        check(
            src.shape[-1] == tgt.shape[-1] == self.d_model,
            lambda: (
                f"the feature number of src and tgt must be equal to d_model, got {src.shape[-1]} and {tgt.shape[-1]} "
                f"for {self.d_model}"
            ),
        )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """The causal mask (sz, sz): -inf above the diagonal, 0 elsewhere.

        >>> import refnet
        >>> refnet.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _causal_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
