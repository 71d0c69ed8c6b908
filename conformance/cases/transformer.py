"""Transformer layers, stacks and the whole: results, gradients, masks, dropout, start, text, warnings."""

import warnings
from typing import Any

from conformance.cases import CHECKS, FORWARD, REPEAT, SECOND, args, normal, ops, refuses
from conformance.cases.attention import hidden

S, T, N, E, H = 4, 3, 2, 6, 2
FIRST = CHECKS - {SECOND, REPEAT}


def _settled(torch: Any, module: Any, dtype: Any) -> Any:
    """The module with parameters that do not depend on the seed, so that the oracle has the same."""
    module = module.to(dtype)
    with torch.no_grad():
        for k, p in enumerate(module.parameters(), 1):
            p.copy_(torch.linspace(-0.8, 0.9, p.numel(), dtype=dtype).mul(k + 7.0).cos().mul(0.5).reshape(p.shape))
    return module


def _warned(torch: Any, make: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    return made, [warning.category.__name__ for warning in caught]


def layer(torch: Any, *inputs: Any, kind: str, masks: dict[str, Any] | None = None, **options: Any) -> Any:
    """One layer in training and evaluation, and the gradients of its parameters."""
    if options.get("activation") == "SiLU":
        options["activation"] = torch.nn.SiLU()
    made = getattr(torch.nn, kind)(E, H, 8, **options)
    made = _settled(torch, made, inputs[0].dtype)
    torch.manual_seed(4)
    out = made(*inputs, **(masks or {}))
    out.square().sum().backward(retain_graph=True)
    gradients = [p.grad for p in made.parameters()]
    made.eval()
    with torch.no_grad():
        silent = made(*(x.detach() for x in inputs), **(masks or {}))
    return out, gradients, silent, list(made.state_dict()), repr(made)


SRC, TGT, MEMORY = normal(S, N, E), normal(T, N, E), normal(S, N, E)
ENCODER, DECODER = "TransformerEncoderLayer", "TransformerDecoderLayer"
LAYERS = [
    args(SRC, kind=ENCODER),
    args(SRC, kind=ENCODER, dropout=0.0, norm_first=True),
    args(normal(N, S, E), kind=ENCODER, dropout=0.4, batch_first=True, activation="gelu"),
    args(normal(S, E), kind=ENCODER, dropout=0.0, bias=False),
    args(SRC, kind=ENCODER, activation="SiLU", layer_norm_eps=0.1),
    args(SRC, kind=ENCODER, dropout=0.0, masks={"src_mask": normal(S, S).fixed()}),
    args(SRC, kind=ENCODER, dropout=0.0, masks={"src_mask": hidden(S, S), "is_causal": True}),
    args(SRC, kind=ENCODER, dropout=0.0, masks={"src_key_padding_mask": hidden(N, S)}),
    args(TGT, MEMORY, kind=DECODER),
    args(TGT, MEMORY, kind=DECODER, dropout=0.3, norm_first=True, activation="gelu"),
    args(normal(N, T, E), normal(N, S, E), kind=DECODER, dropout=0.0, batch_first=True, bias=False),
    args(normal(T, E), normal(S, E), kind=DECODER, dropout=0.2),
    args(
        TGT,
        MEMORY,
        kind=DECODER,
        dropout=0.0,
        masks={
            "tgt_mask": hidden(T, T),
            "memory_mask": normal(T, S).fixed(),
            "tgt_key_padding_mask": hidden(N, T),
            "memory_key_padding_mask": normal(N, S).fixed(),
        },
    ),
]


def stack(
    torch: Any,
    *inputs: Any,
    kind: str,
    layers: int = 2,
    norm: bool = True,
    masks: Any = None,
    options: Any = None,
    **more: Any,
) -> Any:
    """Copies of a layer: results in training and evaluation, with and without gradients, and warnings."""
    one = getattr(torch.nn, f"{kind}Layer")(E, H, 8, **(options or {}))
    made, warned = _warned(
        torch, lambda: getattr(torch.nn, kind)(one, layers, torch.nn.LayerNorm(E) if norm else None, **more)
    )
    made = _settled(torch, made, inputs[0].dtype)
    masks = dict(masks or {})
    name = "mask" if kind == "TransformerEncoder" else "tgt_mask"
    if masks.get(name) == "causal":
        size = inputs[0].shape[1 if (options or {}).get("batch_first") else 0]
        masks[name] = torch.nn.Transformer.generate_square_subsequent_mask(size, dtype=inputs[0].dtype)
    torch.manual_seed(4)
    out = made(*inputs, **masks)
    made.eval()
    with torch.no_grad():
        silent = made(*(x.detach() for x in inputs), **masks)
    return out, silent, warned, list(made.state_dict()), repr(made)


def padding(torch: Any, src: Any, *, lengths: tuple[int, ...], norm: bool, recording: bool, **options: Any) -> Any:
    """An encoder in evaluation with padding at the end (or not): torch leaves it out where it can."""
    one = torch.nn.TransformerEncoderLayer(E, H, 8, batch_first=True, dropout=0.0)
    made = torch.nn.TransformerEncoder(one, 1, torch.nn.LayerNorm(E) if norm else None, **options)
    made = _settled(torch, made, src.dtype).eval()
    hide = torch.tensor([[k >= n if n > 0 else k < -n for k in range(S)] for n in lengths])
    with torch.set_grad_enabled(recording):
        return made(src.detach(), src_key_padding_mask=hide)


STACKS = [
    args(SRC, kind="TransformerEncoder"),
    args(SRC, kind="TransformerEncoder", norm=False, layers=1, options={"dropout": 0.0}),
    args(SRC, kind="TransformerEncoder", masks={"mask": "causal"}),
    args(SRC, kind="TransformerEncoder", masks={"mask": hidden(S, S), "src_key_padding_mask": hidden(N, S)}),
    args(normal(N, S, E), kind="TransformerEncoder", options={"batch_first": True}, masks={"mask": "causal"}),
    args(normal(N, S, E), kind="TransformerEncoder", options={"batch_first": True}, enable_nested_tensor=False),
    args(SRC, kind="TransformerEncoder", options={"norm_first": True}),
    args(TGT, MEMORY, kind="TransformerDecoder"),
    args(TGT, MEMORY, kind="TransformerDecoder", masks={"tgt_mask": "causal"}, norm=False),
]
PADDED = [
    args(normal(3, S, E).fixed(), lengths=(4, 2, 1), norm=norm, recording=recording, **options)
    for norm in (True, False)
    for recording in (True, False)
    for options in ({}, {"enable_nested_tensor": False})
]
PADDED += [args(normal(2, S, E).fixed(), lengths=(4, -1), norm=False, recording=False)]  # padding comes first


def whole(torch: Any, src: Any, tgt: Any, *, masks: Any = None, **options: Any) -> Any:
    """The transformer: its result, and its text."""
    made, warned = _warned(torch, lambda: torch.nn.Transformer(E, H, 1, 2, 8, **options))
    made = _settled(torch, made, src.dtype)
    masks = dict(masks or {})
    if masks.get("tgt_mask") == "causal":
        masks["tgt_mask"] = made.generate_square_subsequent_mask(T, dtype=src.dtype)
    torch.manual_seed(4)
    return made(src, tgt, **masks), warned, list(made.state_dict()), repr(made)


WHOLE = [
    args(SRC, TGT),
    args(SRC, TGT, dropout=0.0, masks={"tgt_mask": "causal", "src_key_padding_mask": hidden(N, S)}),
    args(normal(N, S, E), normal(N, T, E), batch_first=True, norm_first=True, activation="gelu"),
    args(normal(S, E), normal(T, E), dropout=0.0, bias=False, masks={"memory_mask": normal(T, S).fixed()}),
]


def initialised(torch: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """Parameters as the seed draws them, at float32 also where the rest is computed at float64."""
    made, _ = _warned(torch, lambda: getattr(torch.nn, kind)(*arguments, dtype=torch.float32, **options))
    return dict(made.state_dict()), torch.rand(1, dtype=torch.float32)


INITIALISED = [
    args(kind=ENCODER, arguments=(4, 2, 5)),
    args(kind=DECODER, arguments=(4, 2, 5), bias=False),
    args(kind="Transformer", arguments=(4, 2, 1, 2, 5)),
]


def refused(torch: Any, *inputs: Any, kind: str, **options: Any) -> Any:
    """What a transformer does not take."""
    made = (
        torch.nn.Transformer(E, H, 1, 1, 8, **options)
        if kind == "Transformer"
        else getattr(torch.nn, kind)(E, H, **options)
    )
    return made(*inputs)


REFUSED = [
    args(SRC, normal(T, 3, E), kind="Transformer").naming("batch", "equal"),
    args(normal(N, S, E), normal(3, T, E), kind="Transformer", batch_first=True).naming("batch", "equal"),
    args(normal(S, N, 5), TGT, kind="Transformer").naming("feature", "d_model"),
    args(SRC, kind=ENCODER, activation="tanh"),
]

CASES = [
    *ops("transformer layer", LAYERS, program=layer, layouts=(), checks=FIRST),
    *ops("transformer stack", STACKS, program=stack, layouts=(), checks=FIRST),
    *ops("padded encoder", PADDED, program=padding, layouts=(), checks=FORWARD),
    *ops("transformer", WHOLE, program=whole, layouts=(), checks=FIRST),
    *ops("drawn transformer", INITIALISED, program=initialised, layouts=(), checks=FORWARD - {REPEAT}),
    *refuses("transformer", REFUSED, program=refused),
]
