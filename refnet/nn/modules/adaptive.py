"""The adaptive softmax (Grave, Joulin, Cisse, Grangier, Jegou 2017): rare classes in clusters with small projections."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from refnet._check import check
from refnet._ops.shape import cat
from refnet.nn.functional.activation import log_softmax
from refnet.nn.modules.container import ModuleList, Sequential
from refnet.nn.modules.linear import Linear
from refnet.nn.modules.module import Module


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and the mean of their negatives."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(y | x) for classes sorted by falling frequency, of which the rare ones stand in clusters.

    With cutoffs c_1 < ... < c_k, the head scores the classes below c_1 and the k clusters; cluster i has the classes from
    c_i to c_{i+1} (the last to n_classes), with scores from a projection to in_features / div_value^i features. A class y
    in cluster i has log p(y) = log p_head(cluster i) + log p_i(y).

    x (N, in_features), y (N), or a single sample; returns (log p(y) (N), the mean of -log p(y)).

    >>> import refnet
    >>> layer = refnet.nn.AdaptiveLogSoftmaxWithLoss(16, 10, cutoffs=[4, 7])
    >>> layer.log_prob(refnet.zeros(2, 16)).shape
    refnet.Size([2, 10])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        check(cutoffs, lambda: "cutoffs should be a sequence of length larger than 0", ValueError)
        check(
            cutoffs == sorted(set(cutoffs))
            and min(cutoffs) > 0
            and max(cutoffs) < n_classes
            and all(int(c) == c for c in cutoffs),
            lambda: (
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1 (got {cutoffs} with {n_classes} classes)"
            ),
            ValueError,
        )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(self.cutoffs), 1):
            features = int(in_features // div_value**i)
            project = Linear(in_features, features, bias=False, **options)
            self.tail.append(Sequential(project, Linear(features, stop - start, bias=False, **options)))

    def reset_parameters(self) -> None:
        """Draw all weights anew, as they were drawn first."""
        self.head.reset_parameters()
        for project, score in self.tail:
            project.reset_parameters()
            score.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _ASMoutput:
        dim = target_.ndim
        check(dim <= 1, lambda: f"0D or 1D target tensor expected, multi-target not supported (got {dim}D)")
        check(
            dim == 0 or input_.shape[0] == target_.shape[0],
            lambda: (
                "Input and target should have the same size in the batch dimension. (got "
                f"{list(input_.shape)} and {list(target_.shape)})"
            ),
        )
        check(
            input_.ndim == dim + 1,
            lambda: f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with size {input_.shape}",
        )
        x, y = (input_, target_) if dim else (input_.unsqueeze(0), target_.unsqueeze(0))
        check(
            bool(((y >= 0) & (y < self.n_classes)).all()),
            lambda: (
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{y.min().item()}, "
                f"{y.max().item()}] were found. "
            ),
        )
        output = x.new_zeros(len(y))
        in_head = y  # the place of a class, or of its cluster, among the scores of the head
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            rows = ((y >= start) & (y < stop)).nonzero().reshape(-1)
            if rows.numel():
                log_p = log_softmax(self.tail[i](x.index_select(0, rows)), 1)
                own = y.index_select(0, rows) - start
                output = output.index_copy(0, rows, log_p.gather(1, own.unsqueeze(1)).squeeze(1))
                in_head = in_head.index_fill(0, rows, self.shortlist_size + i)
        output = output + log_softmax(self.head(x), 1).gather(1, in_head.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if dim else output.squeeze(0), loss)

    def log_prob(self, input: Any) -> Any:
        """The log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        return self._log_prob(input, self.head(input))

    def _log_prob(self, input: Any, scores: Any) -> Any:
        head = log_softmax(scores, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(log_softmax(cluster(input), 1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def predict(self, input: Any) -> Any:
        """The most probable class of each sample: (N, in_features) -> (N).

        Clusters are looked into only for samples whose most probable place in the head is a cluster.
        """
        scores = self.head(input)
        output = scores.argmax(1)
        rows = (output >= self.shortlist_size).nonzero().reshape(-1)
        if not rows.numel():
            return output
        found = self._log_prob(input.index_select(0, rows), scores.index_select(0, rows)).argmax(1)
        return output.index_copy(0, rows, found)
