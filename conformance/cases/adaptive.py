"""The adaptive softmax: the loss, all probabilities, predictions, and how its weights are drawn."""

from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    LAYOUTS,
    args,
    integers,
    normal,
    ops,
    refuses,
    values,
)
from conformance.variant import UNIFORM


def build(torch: Any, x: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The layer with its first parameters as float32 draws them: the same weights at every precision."""
    torch.manual_seed(3)
    return torch.nn.AdaptiveLogSoftmaxWithLoss(*arguments, dtype=torch.float32, **options).to(x.dtype)


def loss(torch: Any, x: Any, y: Any, *, arguments: tuple[Any, ...], **options: Any) -> dict[str, Any]:
    """Both results, and the gradients of the weights through all of them."""
    built = build(torch, x, arguments, options)
    output, mean = built(x, y)
    return {"output": output, "loss": mean, "text": repr(built), "state": list(built.state_dict())}


def probabilities_of_all(torch: Any, x: Any, *, arguments: tuple[Any, ...], **options: Any) -> dict[str, Any]:
    """log_prob and predict."""
    built = build(torch, x, arguments, options)
    return {"all": built.log_prob(x), "best": built.predict(x)}


def made(torch: Any, *, arguments: tuple[Any, ...], **options: Any) -> dict[str, Any]:
    """The layer as it is made, and made anew."""
    torch.manual_seed(3)
    built = torch.nn.AdaptiveLogSoftmaxWithLoss(*arguments, **options)
    found: dict[str, Any] = {name: value.detach().clone() for name, value in built.named_parameters()}
    built.reset_parameters()
    anew = {f"{name} anew": value.detach() for name, value in built.named_parameters()}
    return found | anew | {"text": repr(built), "next": torch.rand(3)}


def refused(torch: Any, x: Any, y: Any, *, cutoffs: tuple[Any, ...] = (4, 7)) -> Any:
    """The call of a small layer."""
    return torch.nn.AdaptiveLogSoftmaxWithLoss(16, 10, cutoffs)(x, y)


CASES = [
    *ops(
        "adaptive softmax",
        [
            args(normal(6, 16), values([0, 3, 4, 6, 7, 9], "int64"), arguments=(16, 10, [4, 7])),
            args(normal(5, 16), integers(5, high=4), arguments=(16, 10, [4, 7])),  # no cluster is used
            args(normal(6, 16), integers(6, high=10), arguments=(16, 10, (2,)), div_value=2.0, head_bias=True),
            args(normal(16), values(8, "int64"), arguments=(16, 10, [4, 7])),
            args(normal(1, 16), values([5], "int64"), arguments=(16, 10, [4, 7])),
        ],
        program=loss,
        checks=CHECKS - {LAYOUTS},
    ),
    *ops(
        "adaptive softmax of all classes",
        [args(normal(6, 16), arguments=(16, 10, [4, 7])), args(normal(9, 16), arguments=(16, 10, [1]), head_bias=True)],
        program=probabilities_of_all,
        checks=CHECKS - {LAYOUTS},
    ),
    *ops(
        "adaptive softmax made",
        [args(arguments=(16, 10, [4, 7])), args(arguments=(9, 12, [3]), div_value=3.0, head_bias=True)],
        program=made,
        checks={BITS},
        streams=(UNIFORM,),
    ),
    *refuses(
        "adaptive softmax refused",
        [
            args(normal(2, 16), values([0, 10], "int64")),
            args(normal(2, 16), values([-1, 3], "int64")),
            args(normal(2, 16), values([1, 2, 3], "int64")),
            args(normal(16), values([1], "int64")).naming("size"),
            args(normal(2, 16), values(1, "int64")),
            args(normal(2, 16), values([[1, 2]], "int64")),
            *[
                args(normal(2, 16), values([0, 1], "int64"), cutoffs=wrong)
                for wrong in ((), (7, 4), (4, 4), (0, 4), (4, 10), (4.5,))
            ],
        ],
        program=refused,
    ),
]
