"""Attention: the scaled dot product, many heads, and the layer."""

import math
import warnings
from typing import Any

import numpy

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    HALVES,
    MEMORY_FORMAT,
    REPEAT,
    SECOND,
    Case,
    Draw,
    args,
    drawn,
    normal,
    ops,
    refuses,
    values,
)

SDPA = "nn.functional.scaled_dot_product_attention"

# --- masks ----------------------------------------------------------------------------------------------------------


def visible(*shape: int) -> Draw:
    """True where a key takes part: at random, and the first always."""

    def make(rng: numpy.random.Generator, _: str) -> Any:
        mask = rng.integers(0, 2, shape)
        mask[..., 0] = 1
        return mask

    return drawn(f"visible{list(shape)}".replace(" ", ""), make, "bool")


def hidden(*shape: int) -> Draw:
    """True where a key is hidden: at random, and the first never."""

    def make(rng: numpy.random.Generator, _: str) -> Any:
        mask = rng.integers(0, 2, shape)
        mask[..., 0] = 0
        return mask

    return drawn(f"hidden{list(shape)}".replace(" ", ""), make, "bool")


def lowered(*shape: int) -> Draw:
    """Numbers to add, some of them -inf; not differentiated."""

    def make(rng: numpy.random.Generator, _: str) -> Any:
        mask = numpy.where(rng.integers(0, 3, shape) == 0, -math.inf, rng.standard_normal(shape))
        mask[..., 0] = 0.5
        return mask

    return drawn(f"lowered{list(shape)}".replace(" ", ""), make).fixed()


NOTHING_VISIBLE = values([[False, False, False], [True, True, False]], "bool")
INFINITE = values([[-math.inf] * 3, [0.0, 1.0, -math.inf]]).fixed()

# --- scaled dot product -----------------------------------------------------------------------------------------------

QKV = (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6))
PLAIN = [
    args(*QKV),
    args(*QKV, scale=0.3),
    args(*QKV, scale=-0.5),
    args(*QKV, scale=0.0),
    args(*QKV, is_causal=True),
    args(normal(2, 5, 4), normal(2, 3, 4), normal(2, 3, 4), None, 0.0, True),
    args(*QKV, normal(3, 5)),
    args(*QKV, normal(2, 3, 5)),
    args(*QKV, normal(2, 1, 5)),
    args(*QKV, visible(3, 5)),
    args(*QKV, normal(5)),
    args(*QKV, attn_mask=visible(2, 3, 5), scale=0.7),
    args(*QKV, lowered(3, 5)),
    args(normal(3, 4), normal(5, 4), normal(5, 4)),
    args(normal(3, 1), normal(5, 1), normal(5, 2), is_causal=True),
    args(normal(1, 2, 3, 2, 4), normal(1, 2, 3, 5, 4), normal(1, 2, 3, 5, 2)),
    args(normal(4, 3, 4), normal(2, 5, 4), normal(2, 5, 3), enable_gqa=True),
    args(normal(2, 6, 3, 4), normal(2, 3, 5, 4), normal(2, 2, 5, 3), enable_gqa=True, is_causal=True),
    args(normal(2, 3, 4, scale=8), normal(2, 9, 4, scale=8), normal(2, 9, 1)),
    args(normal(1, 2, 17, 8), normal(1, 2, 33, 8), normal(1, 2, 33, 5), normal(17, 33)),
]
# Torch's one-pass kernel, which has no second order.
FUSED_QKV = (normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 4))
FUSED = [
    args(*FUSED_QKV),
    args(*FUSED_QKV, is_causal=True),
    args(*FUSED_QKV, visible(3, 5)),
    args(*FUSED_QKV, lowered(2, 2, 3, 5), scale=0.9),
    args(*FUSED_QKV, visible(2, 1, 3, 5), is_causal=True),
    args(normal(2, 4, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 4), enable_gqa=True),
    args(normal(1, 1, 65, 8), normal(1, 1, 130, 8), normal(1, 1, 130, 8)),
    args(normal(1, 2, 33, 16), normal(1, 2, 33, 16), normal(1, 2, 33, 16), is_causal=True),
]
EMPTY = [
    args(normal(0, 3, 4), normal(0, 5, 4), normal(0, 5, 4)),
    args(normal(2, 3, 4), normal(2, 0, 4), normal(2, 0, 4)),
    args(normal(2, 0, 4), normal(2, 3, 4), normal(2, 3, 4)),
]
UNSEEN = [
    args(normal(2, 4), normal(3, 4), normal(3, 4), NOTHING_VISIBLE),
    args(normal(2, 4), normal(3, 4), normal(3, 4), INFINITE),
    args(normal(1, 1, 2, 4), normal(1, 1, 3, 4), normal(1, 1, 3, 4), NOTHING_VISIBLE),
]
LONG = ((2, 3, 4), (2, 5, 4), (2, 5, 4))
REFUSED = [
    args(normal(3), normal(3), normal(3)),
    args(*(normal(*s) for s in LONG[:2]), normal(2, 5, 4).to("float64")).naming("dtype", "float", "double"),
    args(*(normal(*s).to("int64") for s in LONG)).naming("Long"),
    args(normal(2, 3, 4), normal(2, 5, 7), normal(2, 5, 4)).naming("4", "7"),
    args(*(normal(*s) for s in LONG), visible(3, 5), is_causal=True).naming("is_causal"),
    args(*(normal(*s) for s in LONG), normal(3, 5).to("int64")).naming("attn_mask", "long"),
    args(*(normal(*s) for s in LONG), normal(3, 5).to("float64")).naming("attn_mask", "double"),
    args(*(normal(*s) for s in LONG), normal(4, 5)),
    args(*FUSED_QKV, normal(5).fixed()),
    args(*(normal(*s) for s in LONG), dropout_p=1.5),
    args(*(normal(*s) for s in LONG), [1.0]).naming("attn_mask", "Tensor", "list"),
    args([1.0], normal(3, 4), normal(3, 4)),
    args(*(normal(*s) for s in LONG), scale="small"),
    args(normal(4, 3, 4), normal(3, 5, 4), normal(3, 5, 4), enable_gqa=True).naming("heads", "divide"),
    args(normal(3, 4), normal(5, 4), normal(5, 4), enable_gqa=True),
    args(normal(4, 3, 4), normal(2, 5, 4), normal(2, 5, 4)),
]


def dropped(torch: Any, q: Any, k: Any, v: Any, *, p: float, **options: Any) -> Any:
    """Two results with dropped weights, and what is drawn next."""
    torch.manual_seed(3)
    attend = torch.nn.functional.scaled_dot_product_attention
    return [attend(q, k, v, dropout_p=p, **options) for _ in range(2)], torch.randint(1 << 24, (2,))


def laid_out(torch: Any, q: Any, k: Any, v: Any) -> Any:
    """Heads that were a dimension of the embedding: the result's memory is laid out as the query's."""
    out = torch.nn.functional.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)))
    return out, list(out.stride())


def dot_products() -> list[Case]:
    """The scaled dot product: masks, dropout, shared heads, layouts, errors."""
    found = ops(SDPA, PLAIN, checks=CHECKS - {MEMORY_FORMAT})
    found += ops(SDPA, PLAIN[:2] + PLAIN[6:7] + PLAIN[9:11], dtypes=FLOATS[1:], layouts=())
    found += ops(SDPA, FUSED, checks=CHECKS - {SECOND})
    found += ops(SDPA, FUSED[:5], dtypes=FLOATS[1:], layouts=(), checks=CHECKS - {SECOND})
    found += ops(SDPA, EMPTY, layouts=(), checks=CHECKS - {SECOND})
    found += ops(SDPA, UNSEEN, layouts=(), checks=CHECKS - {SECOND})
    found += ops(SDPA, [args(*QKV, normal(3, 5).to("float32"))], dtypes=HALVES, layouts=(), label="float32 mask")
    rows = [args(*QKV, p=p, **options) for p, options in ((0.3, {}), (0.6, {"is_causal": True}), (1.0, {}))]
    rows += [args(*FUSED_QKV, p=0.4), args(*QKV, p=0.4, attn_mask=visible(3, 5))]
    found += ops("attention with dropout", rows, program=dropped, layouts=(), checks=CHECKS - {REPEAT})
    found += ops(
        "attention with dropout", rows[:1], program=dropped, dtypes=HALVES, layouts=(), checks=CHECKS - {REPEAT}
    )
    heads = args(normal(2, 3, 2, 4), normal(2, 5, 2, 4), normal(2, 5, 2, 4))
    found += ops("attention laid out", [heads], program=laid_out, layouts=(), checks=CHECKS - {SECOND})
    return found + refuses(SDPA, REFUSED)


# --- many heads -------------------------------------------------------------------------------------------------------

L, S, N, E, H = 3, 4, 2, 6, 2


def weights(kdim: int = E, vdim: int = E, *, packed: bool = True, bias: bool = True) -> dict[str, Any]:
    """The parameters of an attention of E = 6."""
    found: dict[str, Any] = {"in_proj_bias": normal(3 * E, scale=0.3) if bias else None}
    if packed:
        found["in_proj_weight"] = normal(3 * E, E, scale=0.5)
    else:
        found["in_proj_weight"] = None
        sizes = {"q": E, "k": kdim, "v": vdim}
        found |= {f"{name}_proj_weight": normal(E, n, scale=0.5) for name, n in sizes.items()}
        found["use_separate_proj_weight"] = True
    return found | {
        "out_proj_weight": normal(E, E, scale=0.5), "out_proj_bias": normal(E) if bias else None,
        "bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0,
        "embed_dim_to_check": E, "num_heads": H,
    }  # fmt: skip


def heads(torch: Any, query: Any, key: Any, value: Any, **options: Any) -> Any:
    """`multi_head_attention_forward`; a key or value that is None is the tensor before it."""
    key = query if key is None else key
    value = key if value is None else value
    torch.manual_seed(11)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = torch.nn.functional.multi_head_attention_forward(query, key, value, **options)
    return found, [warning.category.__name__ for warning in caught], torch.randint(1 << 24, (1,))


BATCH = (normal(L, N, E), normal(S, N, E), normal(S, N, E))
SINGLE = (normal(L, E), normal(S, E), normal(S, E))
HEADS = [
    args(*BATCH, **weights()),
    args(normal(L, N, E), None, None, **weights()),
    args(normal(L, N, E), normal(S, N, E), None, **weights(bias=False)),
    args(*BATCH, **weights(), need_weights=False),
    args(*BATCH, **weights(), average_attn_weights=False),
    args(*SINGLE, **weights()),
    args(*SINGLE, **weights(), average_attn_weights=False, key_padding_mask=hidden(S)),
    args(*SINGLE, **weights(), need_weights=False, attn_mask=normal(H, L, S)),
    args(normal(L, N, E), normal(S, N, 3), normal(S, N, 5), **weights(3, 5, packed=False)),
    args(normal(L, N, E), normal(S, N, 3), normal(S, N, 5), **weights(3, 5, packed=False, bias=False)),
    args(*BATCH, **weights(), attn_mask=normal(L, S)),
    args(*BATCH, **weights(), attn_mask=hidden(L, S)),
    args(*BATCH, **weights(), attn_mask=hidden(N * H, L, S)),
    args(*BATCH, **weights(), attn_mask=normal(N * H, L, S), need_weights=False),
    args(*BATCH, **weights(), key_padding_mask=hidden(N, S)),
    args(*BATCH, **weights(), key_padding_mask=normal(N, S)),
    args(*BATCH, **weights(), key_padding_mask=hidden(N, S), attn_mask=hidden(L, S)),
    args(*BATCH, **weights(), key_padding_mask=hidden(N, S), attn_mask=normal(L, S)),  # warns
    args(*BATCH, **weights(), key_padding_mask=normal(N, S), attn_mask=normal(L, S), need_weights=False),
    args(*BATCH, **(weights() | {"add_zero_attn": True})),
    args(*BATCH, **(weights() | {"add_zero_attn": True}), key_padding_mask=hidden(N, S), attn_mask=normal(L, S)),
    args(*BATCH, **(weights() | {"bias_k": normal(1, 1, E), "bias_v": normal(1, 1, E)})),
    args(
        *BATCH,
        **(weights() | {"bias_k": normal(1, 1, E), "bias_v": normal(1, 1, E), "add_zero_attn": True}),
        attn_mask=hidden(L, S),
        key_padding_mask=hidden(N, S),
    ),
    args(*BATCH, **weights(), static_k=normal(N * H, 5, 3), static_v=normal(N * H, 5, 3)),
    args(*BATCH, **(weights() | {"dropout_p": 0.3})),
    args(*BATCH, **(weights() | {"dropout_p": 0.3}), training=False),
    args(*BATCH, **(weights() | {"dropout_p": 0.3}), need_weights=False),
    args(*BATCH, **weights(), attn_mask=hidden(L, S), is_causal=True),
    args(normal(L, N, E), None, None, **weights(), attn_mask=hidden(L, L), is_causal=True, need_weights=False),
]
# Torch's one-pass kernel, which has no second order, takes these.
ONE_PASS = tuple(row for row in HEADS if row.kwargs.get("need_weights") is False)

HEAD_ERRORS = [
    args(normal(E), normal(E), normal(E), **weights()),
    args(normal(L, N, E), normal(S, E), normal(S, E), **weights()),
    args(normal(L, E), normal(S, N, E), normal(S, N, E), **weights()),
    args(*BATCH, **weights(), key_padding_mask=hidden(S)),
    args(*SINGLE, **weights(), key_padding_mask=hidden(N, S)),
    args(*BATCH, **weights(), attn_mask=normal(S)),
    args(*SINGLE, **weights(), attn_mask=normal(S)),
    args(*SINGLE, **weights(), attn_mask=normal(1, L, S)),
    args(*BATCH, **weights(), attn_mask=normal(L, S).to("int64")).naming("attn_mask", "bool"),
    args(*BATCH, **weights(), key_padding_mask=normal(N, S).to("int64")).naming("key_padding_mask", "bool"),
    args(*BATCH, **weights(), is_causal=True).naming("attn_mask", "is_causal"),
    args(*BATCH, **(weights() | {"embed_dim_to_check": 5})),
    args(*BATCH, **(weights() | {"num_heads": 4})),
    args(normal(L, N, E), normal(S, N, E), normal(L, N, E), **weights()),
    args(normal(L, N, E), normal(S, N, 3), normal(L, N, 5), **weights(3, 5, packed=False)),
    args(*BATCH, **(weights() | {"in_proj_weight": None})).naming("in_proj_weight"),
    args(*BATCH, **(weights(packed=False) | {"k_proj_weight": None})).naming("k_proj_weight"),
    args(*BATCH, **(weights(packed=False) | {"v_proj_weight": normal(E, 4)})),
    args(*BATCH, **weights(), attn_mask=normal(S, L)),
    args(*BATCH, **weights(), attn_mask=normal(N, L, S)),
    args(*BATCH, **weights(), key_padding_mask=hidden(N, L)),
    args(*BATCH, **weights(), key_padding_mask=hidden(1, S)),
    args(*BATCH, **(weights() | {"bias_k": normal(1, 1, E)})).naming("bias_k", "bias_v"),
    args(*BATCH, **(weights() | {"bias_v": normal(1, 1, E)})).naming("bias_k", "bias_v"),
    args(*BATCH, **weights(), static_k=normal(N, 5, 3)),
    args(*BATCH, **weights(), static_v=normal(N * H, 5, 4)),
]


def refused_heads(torch: Any, query: Any, key: Any, value: Any, **options: Any) -> Any:
    """`multi_head_attention_forward` with what it does not take."""
    return torch.nn.functional.multi_head_attention_forward(query, key, value, **options)


# --- the layer --------------------------------------------------------------------------------------------------------


def layer(
    torch: Any,
    query: Any,
    key: Any,
    value: Any,
    *,
    arguments: tuple[Any, ...] = (E, H),
    made: Any = None,
    **options: Any,
) -> Any:
    """The layer with parameters that do not depend on the seed: results, state in order, text."""
    module = torch.nn.MultiheadAttention(*arguments, dtype=query.dtype, **(made or {}))
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.linspace(-0.9, 0.8, p.numel(), dtype=query.dtype).reshape(p.shape).cos())
    key = query if key is None else key
    value = key if value is None else value
    torch.manual_seed(2)
    first = module(query, key, value, **options)
    loss = first[0].square().sum()
    loss.backward(retain_graph=True)
    gradients = [p.grad for p in module.parameters()]
    return first, gradients, list(module.state_dict()), repr(module), module.eval()(query, key, value, **options)


FIRST = (normal(N, L, E), normal(N, S, E), normal(N, S, E))
LAYER = [
    args(*BATCH),
    args(normal(L, N, E), None, None),
    args(*FIRST, made={"batch_first": True}),
    args(normal(N, L, E), None, None, made={"batch_first": True}, need_weights=False),
    args(*FIRST, made={"batch_first": True}, key_padding_mask=hidden(N, S), average_attn_weights=False),
    args(*SINGLE, made={"batch_first": True}),
    args(normal(L, N, E), normal(S, N, 3), normal(S, N, 5), made={"kdim": 3, "vdim": 5}),
    args(*BATCH, made={"add_bias_kv": True, "add_zero_attn": True}, attn_mask=hidden(L, S)),
    args(*BATCH, arguments=(E, 1, 0.0, False)),
    args(*BATCH, made={"dropout": 0.4}),
    args(*BATCH, made={"dropout": 0.4}, need_weights=False, attn_mask=normal(L, S)),
]


def initialised(torch: Any, *, arguments: tuple[Any, ...], **options: Any) -> Any:
    """Parameters as the seed draws them, at float32 also where the rest is computed at float64."""
    made = torch.nn.MultiheadAttention(*arguments, dtype=torch.float32, **options)
    return dict(made.state_dict()), repr(made), made.kdim, made.vdim, made.head_dim


INITIALISED = [
    args(arguments=(6, 2)),
    args(arguments=(6, 3, 0.1, False)),
    args(arguments=(4, 2), kdim=3, vdim=5),
    args(arguments=(4, 4), add_bias_kv=True),
    args(arguments=(4, 1), add_bias_kv=True, kdim=2, bias=False),
]


def refused_layer(torch: Any, *, arguments: tuple[Any, ...]) -> Any:
    """A layer whose sizes do not fit."""
    return torch.nn.MultiheadAttention(*arguments)


CASES = [
    *dot_products(),
    *ops(
        "attention of many heads",
        [row for row in HEADS if row not in ONE_PASS],
        program=heads,
        layouts=(),
        checks=CHECKS - {REPEAT},
    ),
    *ops("attention of many heads", ONE_PASS, program=heads, layouts=(), checks=CHECKS - {REPEAT, SECOND}),
    *ops("attention of many heads", HEADS[:1], program=heads, dtypes=FLOATS[1:], layouts=(), checks=CHECKS - {REPEAT}),
    *refuses("attention of many heads", HEAD_ERRORS, program=refused_heads),
    *ops("attention layer", LAYER, program=layer, layouts=(), checks=CHECKS - {SECOND, REPEAT}),
    *ops("drawn attention", INITIALISED, program=initialised, layouts=(), checks=FORWARD - {REPEAT}),
    *refuses(
        "attention layer",
        [args(arguments=(0, 1)), args(arguments=(6, -1)), args(arguments=(6, 4)).naming("embed_dim", "num_heads")],
        program=refused_layer,
    ),
]
