"""A network that trains on batches, and two meanings of "mean squared error"."""

import refnet
from refnet import nn

refnet.manual_seed(0)
x, y = refnet.rand(8, 3), refnet.rand(8, 2)
network = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))

# A study text sums the squares over the outputs of a row, and takes the mean over the rows. torch's MSELoss takes the
# mean over all elements. So the text's loss is torch's times the number of outputs, and so are its gradients.
prediction = network(x)
by_torch = nn.MSELoss()(prediction, y)
by_text = nn.MSELoss(reduction="sum")(prediction, y) / len(x)
print(f"torch's {by_torch.item():.6f}, the text's {by_text.item():.6f}: times {by_text.item() / by_torch.item():.4f}")
assert abs(by_text.item() - 2 * by_torch.item()) < 1e-6
each = nn.MSELoss(reduction="none")(prediction, y)
assert refnet.allclose(each.sum(1).mean(), by_text)


def train_batch(inputs: refnet.Tensor, targets: refnet.Tensor) -> float:
    """One update: forward, loss, backward, step. Returns the loss, as the text means it."""
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(network(inputs), targets, reduction="sum") / len(inputs)
    loss.backward()
    optimizer.step()
    return float(loss.item())


optimizer = refnet.optim.SGD(network.parameters(), lr=0.1)
losses = [train_batch(x, y) for _ in range(50)]
print(f"loss from {losses[0]:.4f} to {losses[-1]:.4f}")
assert abs(losses[0] - by_text.item()) < 1e-6 and losses[-1] < losses[0]
