"""Shapes: from lists to tensors of two, three and four dimensions, and back."""

import refnet

# From lists, with the dtype that fits: whole numbers are int64, others float32.
assert refnet.tensor([1, 2, 3]).dtype == refnet.int64
matrix = refnet.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
assert matrix.dtype == refnet.float32 and tuple(matrix.shape) == (2, 3) and matrix.tolist()[1] == [4.0, 5.0, 6.0]

# Conventions: 2-D (batch, features); 3-D (batch, sequence, features) or (batch, channels, length);
# 4-D (batch, channels, height, width).
images = refnet.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
assert images.ndim == 4 and images.size(1) == 3 and images.numel() == 120

# A view has another shape and the same memory; -1 is worked out.
flat = images.view(2, -1)
assert tuple(flat.shape) == (2, 60)
flat[0, 0] = 7
assert images[0, 0, 0, 0].item() == 7

# squeeze drops dimensions of size 1, unsqueeze adds one.
vector = refnet.rand(3)
assert tuple(vector.unsqueeze(0).shape) == (1, 3) and tuple(vector.unsqueeze(-1).shape) == (3, 1)
assert tuple(refnet.rand(1, 3, 1).squeeze().shape) == (3,) and tuple(refnet.rand(1, 3, 1).squeeze(0).shape) == (3, 1)

# The rest of the family.
table = {
    "images.permute(0, 2, 3, 1)": images.permute(0, 2, 3, 1),  # to (batch, height, width, channels)
    "images.transpose(2, 3)": images.transpose(2, 3),
    "images.flatten(1)": images.flatten(1),
    "images[:, 0]": images[:, 0],
    "images.reshape(6, 20)": images.reshape(6, 20),
    "vector.expand(4, 3)": vector.expand(4, 3),
    "refnet.stack([vector, vector])": refnet.stack([vector, vector]),
    "refnet.cat([matrix, matrix], 1)": refnet.cat([matrix, matrix], 1),
}
for text, result in table.items():
    print(f"{text:32} {tuple(result.shape)}")
assert [tuple(result.shape) for result in table.values()] == [
    (2, 4, 5, 3), (2, 3, 5, 4), (2, 60), (2, 4, 5), (6, 20), (4, 3), (2, 3), (2, 6),
]  # fmt: skip

# A permuted tensor does not lie in memory row by row, so no view can have its elements in a row; reshape copies.
try:
    images.permute(0, 2, 3, 1).view(-1)
except RuntimeError as error:
    print(error)
assert images.permute(0, 2, 3, 1).reshape(-1).numel() == 120

# Gradients pass through shapes unchanged, in the input's shape. no_grad records nothing, enable_grad does again.
matrix.requires_grad_()
(matrix.view(3, 2).unsqueeze(0).transpose(1, 2) * 2).sum().backward()
assert matrix.grad is not None and matrix.grad.tolist() == [[2.0] * 3] * 2
with refnet.no_grad():
    assert not (matrix * 2).requires_grad
