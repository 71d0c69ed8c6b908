"""Linear algebra under torch.linalg's names."""

from refnet._ops.reduce import vector_norm as vector_norm

__all__ = ["vector_norm"]
