"""Tables of vectors that are looked up by number."""

from typing import Any, Self

from refnet._check import check
from refnet._tape import set_grad
from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.sparse import embedding, embedding_bag
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter

_SPARSE = (
    "{}: sparse=True asks for sparse gradients, and there are no sparse tensors here; expected sparse=False, which gives "
    "the same numbers as dense gradients"
)


class _Table(Module):
    """What `Embedding` and `EmbeddingBag` share: the weight (V, d), drawn from N(0, 1), and its padding row."""

    weight: Parameter

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, given: Any, frozen: bool, options: Any
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if padding_idx is not None:
            check(
                -num_embeddings <= padding_idx < max(num_embeddings, 1),
                lambda: self._outside,
                AssertionError,
            )
            padding_idx = num_embeddings + padding_idx if padding_idx < 0 else padding_idx
        self.padding_idx = padding_idx
        if given is None:
            self.weight = Parameter(empty((num_embeddings, embedding_dim), **options), requires_grad=not frozen)
            self.reset_parameters()
        else:
            check(
                tuple(given.shape) == (num_embeddings, embedding_dim),
                lambda: (
                    "Shape of weight does not match num_embeddings and embedding_dim: got "
                    f"{list(given.shape)}, expected {[num_embeddings, embedding_dim]}"
                ),
                AssertionError,
            )
            self.weight = Parameter(given, requires_grad=not frozen)

    _outside = "Padding_idx must be within num_embeddings"

    def reset_parameters(self) -> None:
        """Draw the table from N(0, 1); zeros in the padding row."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with set_grad(False):
                self.weight[self.padding_idx].fill_(0)


class Embedding(_Table):
    """The rows of a table that the indices name: (...) -> (..., embedding_dim). See `refnet.nn.functional.embedding`.

    The weight starts as N(0, 1), with zeros at `padding_idx`, which stay because that row gets no gradient.

    >>> import refnet
    >>> refnet.nn.Embedding(10, 3)(refnet.tensor([[1, 2], [0, 9]])).shape
    refnet.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check(not sparse, lambda: _SPARSE.format("Embedding"), NotImplementedError)
        options = {"device": device, "dtype": dtype}
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, options)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer over a given table (V, d), whose memory it shares; not trained unless `freeze` is False."""
        rows, width = _sizes(embeddings)
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Any) -> Any:
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += [f"scale_grad_by_freq={self.scale_grad_by_freq}"] if self.scale_grad_by_freq is not False else []
        return ", ".join(parts)


class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of rows: -> (B, embedding_dim). See `refnet.nn.functional.embedding_bag`.

    >>> import refnet
    >>> refnet.nn.EmbeddingBag(10, 3, mode="sum")(refnet.tensor([1, 2, 4, 5]), refnet.tensor([0, 3])).shape
    refnet.Size([2, 3])
    """

    _outside = "padding_idx must be within num_embeddings"

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check(not sparse, lambda: _SPARSE.format("EmbeddingBag"), NotImplementedError)
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, False, {"device": device, "dtype": dtype})
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """A layer over a given table (V, d), whose memory it shares; not trained unless `freeze` is False."""
        rows, width = _sizes(embeddings)
        layer = cls(
            rows,
            width,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += [f"scale_grad_by_freq={self.scale_grad_by_freq}"] if self.scale_grad_by_freq is not False else []
        parts += [f"mode={self.mode!r}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        return ", ".join(parts)


def _sizes(embeddings: Any) -> tuple[int, int]:
    check(
        embeddings.dim() == 2,
        lambda: f"Embeddings parameter is expected to be 2-dimensional, got {embeddings.dim()} dimensions",
        AssertionError,
    )
    rows, width = embeddings.shape
    return rows, width
