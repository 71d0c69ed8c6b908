"""Causes among the arguments: each fault is torch itself, called with another argument."""

from functools import partial
from typing import Any

import pytest
import torch
from failing import cause

from conformance.case import args
from conformance.draw import away_from, distinct, integers, normal, positive, probabilities, values

F = torch.nn.functional
X, OUT = ("gradient", "0"), ("output", "out")
IMAGE = normal(2, 3, 6, 6)
RUNNING = (normal(3).fixed(), positive(3).fixed())


def call(function: Any, **changed: Any) -> Any:
    """The function with some arguments given other values."""
    return lambda *given, **options: function(*given, **(options | changed))


def first(function: Any, count: int, *others: Any, **changed: Any) -> Any:
    """The function with its first `count` arguments, then others."""
    return lambda *given, **options: function(*given[:count], *others, **(options | changed))


ROWS = [
    ("var", args(normal(5, 3), dim=0), call(torch.var, correction=0), OUT, "correction=0 (biased variance), not 1"),
    ("var", args(normal(5, 3), 0, False), first(torch.var, 1, 0, True), OUT, "unbiased=True (unbiased variance)"),
    ("std", args(normal(5, 3), dim=0, correction=0), call(torch.std, correction=1), X, "correction=1 (unbiased variance)"),
    ("nn.functional.gelu", args(normal(9)), call(F.gelu, approximate="tanh"), OUT, "approximate='tanh' (the tanh approx"),
    ("nn.functional.gelu", args(normal(9), approximate="tanh"), call(F.gelu, approximate="none"), X, "(the exact form)"),
    ("nn.functional.layer_norm", args(normal(4, 8), (8,)), call(F.layer_norm, eps=1e-3), OUT, "with eps=0.001, not 1e-05"),
    ("nn.functional.layer_norm", args(normal(4, 8), (8,), eps=1e-2), call(F.layer_norm, eps=0.0), X, "(without epsilon)"),
    ("nn.functional.mse_loss", args(normal(4, 3), normal(4, 3)), call(F.mse_loss, reduction="sum"), OUT, "reduction='sum'"),
    ("nn.functional.mse_loss", args(normal(4, 3), normal(4, 3), reduction="sum"), call(F.mse_loss, reduction="mean"), X, "reduction='mean'"),
    ("nn.functional.mse_loss", args(normal(4, 3), normal(4, 3)), call(F.mse_loss, reduction="none"), OUT, "reduction='none'"),
    ("nn.functional.kl_div", args(normal(4, 3), probabilities(4, 3), reduction="sum"), call(F.kl_div, reduction="batchmean"), OUT, "'batchmean'"),
    ("nn.functional.kl_div", args(normal(4, 3), probabilities(4, 3), reduction="sum"), call(F.kl_div, log_target=True), X, "log_target=True"),
    ("nn.functional.interpolate", args(normal(1, 2, 4, 4), size=(7, 7), mode="bilinear"), call(F.interpolate, align_corners=True), OUT, "align_corners=True"),
    ("nn.functional.avg_pool2d", args(IMAGE, 3, 2, 1), call(F.avg_pool2d, count_include_pad=False), OUT, "(padding not counted)"),
    ("nn.functional.avg_pool2d", args(IMAGE, 3, 2, 1), call(F.avg_pool2d, count_include_pad=False), X, "(padding not counted)"),
    ("nn.functional.max_pool2d", args(distinct(2, 3, 7, 8), 3, 2), call(F.max_pool2d, ceil_mode=True), OUT, "ceil_mode=True"),
    ("nn.functional.conv2d", args(IMAGE, normal(4, 3, 3, 3), padding=1), call(F.conv2d, padding=2), OUT, "padding=2, not 1"),
    ("nn.functional.conv2d", args(IMAGE, normal(4, 3, 3, 3), padding=1), call(F.conv2d, padding=0), OUT, "padding=0, not 1"),
    ("nn.functional.conv2d", args(IMAGE, normal(4, 3, 2, 2), dilation=2), call(F.conv2d, dilation=1), OUT, "dilation=1, not 2"),
    ("nn.functional.conv2d", args(IMAGE, normal(4, 3, 2, 2), stride=2), call(F.conv2d, stride=1), OUT, "stride=1, not 2"),
    ("nn.functional.conv2d", args(normal(2, 3, 7, 7), normal(4, 3, 3, 3), stride=(1, 2)), call(F.conv2d, stride=(2, 1)), OUT, "stride=(2, 1) (in reverse order)"),
    ("nn.functional.conv2d", args(IMAGE, normal(4, 3, 3, 3), normal(4)), first(F.conv2d, 2), OUT, "bias=None (without the bias)"),
    ("nn.functional.batch_norm", args(IMAGE, *RUNNING), call(F.batch_norm, training=True), OUT, "training=True (the statistics of the batch)"),
    ("nn.functional.batch_norm", args(IMAGE, *RUNNING, training=True), call(F.batch_norm, training=False), X, "(the running statistics)"),
    ("nn.functional.batch_norm", args(IMAGE, *RUNNING, training=True), call(F.batch_norm, momentum=0.9), ("output", "1 after"), "momentum=0.9 (1 - momentum), not 0.1"),
    ("nn.functional.cross_entropy", args(normal(5, 3), integers(5, high=3), label_smoothing=0.1), call(F.cross_entropy, label_smoothing=0.0), X, "without smoothing"),
    ("nn.functional.cross_entropy", args(normal(5, 3), integers(5, high=3), weight=positive(3).fixed()), call(F.cross_entropy, weight=None), X, "(without the weight)"),
    ("nn.functional.nll_loss", args(normal(5, 3), integers(5, high=3), ignore_index=1), call(F.nll_loss, ignore_index=-100), X, "ignore_index=-100, not 1"),
    ("nn.functional.leaky_relu", args(away_from(20)), call(F.leaky_relu, negative_slope=0.2), OUT, "negative_slope=0.2, not 0.01"),
    ("nn.functional.elu", args(away_from(20), alpha=1.5), call(F.elu, alpha=1.0), X, "alpha=1.0, not 1.5"),
    ("nn.functional.softplus", args(normal(9), beta=2.0), call(F.softplus, beta=1.0), OUT, "beta=1.0, not 2.0"),
    ("nn.functional.smooth_l1_loss", args(normal(20), normal(20), beta=0.3), call(F.smooth_l1_loss, beta=1.0), X, "beta=1.0"),
    ("nn.functional.softmax", args(normal(4, 4), dim=1), call(F.softmax, dim=0), OUT, "dim=0, not 1"),
    ("softmax", args(normal(4, 4), 1), first(torch.softmax, 1, 0), X, "dim=0, not 1"),
    ("topk", args(normal(9), 3), call(torch.topk, largest=False), ("output", "out[0]"), "largest=False"),
    ("sort", args(distinct(9)), call(torch.sort, descending=True), ("output", "out[1]"), "descending=True"),
    ("sum", args(normal(3, 4), dim=1), call(torch.sum, keepdim=True), OUT, "keepdim=True"),
    ("nn.functional.pad", args(normal(3, 6), (2, 2), mode="reflect"), call(F.pad, mode="replicate"), OUT, "mode='replicate'"),
    ("add", args(normal(9), normal(9), alpha=3), call(torch.add, alpha=1), OUT, "alpha=1.0, not 3"),
    ("tril", args(normal(5, 5), 1), first(torch.tril, 1, 0), OUT, "diagonal=0, not 1"),
    ("div", args(normal(9, scale=9), 2.0, rounding_mode="floor"), call(torch.div, rounding_mode="trunc"), OUT, "rounding_mode='trunc'"),
    ("cumsum", args(normal(4, 4), 1), first(torch.cumsum, 1, 0), OUT, "dim=0, not 1"),
    ("nn.functional.dropout", args(normal(20), 0.3), first(F.dropout, 1, 0.7), OUT, "p=0.7 (1 - p), not 0.3"),
    ("nn.functional.dropout", args(normal(20), 0.3), lambda x, p: F.dropout(x, p) * 0.7, OUT, "is 0.7 (7/10) times the truth: 1 - p with p = 0.3"),
    ("linalg.vector_norm", args(normal(9)), call(torch.linalg.vector_norm, ord=1), X, "ord=1, not 2"),
    ("gather", args(normal(4, 4), 1, values([[0, 1], [2, 0], [1, 0], [2, 1]], "int64")), lambda x, d, i: torch.gather(x, d, i + 1), OUT, "indices '2' plus one"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), ROWS)
def test_arguments(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, fault, key)


def test_options_of_a_program() -> None:
    """A dictionary of options within the arguments."""
    from conformance.case import ops
    from conformance.causes import Evidence, likely_cause
    from conformance.oracle import Truth

    def layer(torch: Any, x: Any, *, settings: dict[str, Any]) -> Any:
        return torch.nn.functional.layer_norm(x, (8,), **settings)

    case = ops("layer", [args(normal(4, 8), settings={"eps": 0.1})], program=layer, checks={"output"})[0]
    truth, changed = Truth(case, case.sample()), partial(layer, torch)
    mine = changed(torch.from_numpy(truth.sample.arrays[0]), settings={"eps": 1e-5}).numpy()
    key = ("output", "out")
    reference, oracle = truth.references[key], truth.truths[key]
    rest = (mine, reference, oracle, truth.sample, mine != reference, lambda sample: truth.what_if(sample).get(key))
    assert "eps=1e-05, not 0.1" in likely_cause(Evidence("layer", *key, *rest))
