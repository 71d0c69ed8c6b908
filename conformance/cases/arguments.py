"""What stands in the place of a tensor and is none: every function says so."""

from conformance.cases import Arguments, Case, args, filled, integers, normal, refuses
from conformance.cases.out import ROWS

# Wrappers and composites: the error comes from whatever they call first.
WRAPPED = ("norm", "tensordot", "where", "cat", "stack", "nan_to_num", "logit")
MORE: dict[str, Arguments] = {
    name: args([1.0])
    for name in ("count_nonzero", "var", "std", "var_mean", "std_mean", "linalg.vector_norm", "relu", "exp", "round")
}
MORE |= {name: args([1.0]) for name in ("isnan", "logical_not", "floor", "sign", "abs", "neg", "sqrt")}
MORE |= {
    "floor_divide": args([1.0], 2.0),
    "masked_fill": args([1.0], [True], 2.0),
    "index_fill": args([1.0], 0, [0], 2.0),
    "scatter": args([1.0], 0, [0], [1.0]),
}


def first_operand() -> list[Case]:
    """A list of numbers as the first operand. torch names the list, in one of two ways of putting it."""
    rows = {name: Arguments(([1.0], *row.args[1:]), row.kwargs) for name, (row, *_) in ROWS.items()} | MORE
    return [
        case
        for function, row in rows.items()
        if function not in WRAPPED
        for case in refuses(function, [row.naming("list")], label="not a tensor")
    ]


# A bool is no int, and nothing but a bool is a flag.
X, IMAGE, KERNEL = normal(2, 4), normal(1, 2, 5, 5), normal(3, 2, 2, 2)
OF_ANOTHER_KIND = [
    ("nn.functional.dropout", args(X, 0.5, 1), "train"),
    ("nn.functional.dropout2d", args(IMAGE, 0.5, None), "train"),
    ("nn.functional.dropout3d", args(IMAGE, 0.5, "yes"), "train"),
    ("nn.functional.alpha_dropout", args(X, 0.5, 1.0), "train"),
    ("nn.functional.feature_alpha_dropout", args(X, 0.5, [True]), "train"),
    ("nn.functional.rrelu", args(X, training=1), "training"),
    (
        "nn.functional.batch_norm",
        args(X, filled(4, value=0.0).fixed(), filled(4, value=1.0).fixed(), training=0),
        "training",
    ),
    ("nn.functional.instance_norm", args(normal(2, 3, 4), use_input_stats=1), "use_input_stats"),
    ("nn.functional.pairwise_distance", args(X, X, keepdim=1), "keepdim"),
    ("nn.functional.scaled_dot_product_attention", args(X, X, X, is_causal=1), "is_causal"),
    ("nn.functional.scaled_dot_product_attention", args(X, X, X, dropout_p="p"), "dropout_p"),
    ("nn.functional.cosine_similarity", args(X, X, eps=None), "eps"),
    ("nn.functional.cosine_similarity", args(X, X, dim=True), "dim"),
    ("nn.functional.gelu", args(X, approximate=True), "approximate"),
    ("nn.functional.glu", args(X, True), "dim"),
    ("nn.functional.group_norm", args(X, True), "num_groups"),
    ("nn.functional.one_hot", args(integers(3, high=2), 2.0), "num_classes"),
    ("nn.functional.one_hot", args(integers(3, high=2), True), "num_classes"),
    ("nn.functional.conv2d", args(IMAGE, KERNEL, stride=True), "stride"),
    ("nn.functional.conv2d", args(IMAGE, KERNEL, padding=True), "padding"),
    ("nn.functional.conv2d", args(IMAGE, KERNEL, dilation=True), "dilation"),
    ("nn.functional.conv2d", args(IMAGE, KERNEL, groups=True), "groups"),
    ("nn.functional.conv_transpose2d", args(IMAGE, normal(2, 3, 2, 2), output_padding=False), "output_padding"),
    ("softmax", args(X, True), "dim"),
    ("logit", args(X, "eps"), "eps"),
]

CASES = [
    *first_operand(),
    *[
        case
        for number, (name, row, argument) in enumerate(OF_ANOTHER_KIND)
        for case in refuses(name, [row.naming(argument)], label=f"of another kind {number}")
    ],
]
