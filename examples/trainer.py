"""`Trainer.fit`: permute, cut into batches, evaluate, stop when the test loss rises, keep the best model."""

import tempfile
from pathlib import Path

import refnet
from refnet import nn
from refnet.train import Trainer

# Twelve noisy rows for training and a network large enough to learn them by heart: the test loss falls, then rises.
refnet.manual_seed(0)
x, x_test = refnet.rand(12, 4), refnet.rand(100, 4)
y, y_test = x.sum(1, keepdim=True) + 0.5 * refnet.randn(12, 1), x_test.sum(1, keepdim=True)
network = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
trainer = Trainer(network, nn.MSELoss(), refnet.optim.Adam(network.parameters(), lr=0.02))

curves = trainer.fit(
    x, y, x_test, y_test, epochs=200, eval_every=5, batch_size=4, seed=1, restart=True, progress="quiet"
)
seen = [loss for loss in curves["test_loss"] if loss is not None]
print("test losses:", [round(loss, 4) for loss in seen])
print(f"stopped after epoch {len(curves)}; the best was epoch {trainer.stopping.best_epoch}")
assert len(curves) < 200 and seen[-1] >= min(seen)  # it stopped early, because the loss rose


def test_loss() -> float:
    """The network's loss on the test rows."""
    with refnet.no_grad():
        return float(nn.functional.mse_loss(network(x_test), y_test).item())


# The network is back at its best, not at its last.
print(f"the network's test loss is {test_loss():.4f}")
assert abs(test_loss() - min(seen)) < 1e-6

# The same seed gives the same run, to the last bit. Interrupted and resumed from a checkpoint, too.
assert trainer.fit(x, y, x_test, y_test, 200, 5, 4, seed=1, progress="quiet")["loss"] == curves["loss"][: len(curves)]
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.safetensors"
    whole = trainer.fit(x, y, epochs=6, batch_size=4, progress="quiet")["loss"][-6:]
    trainer.fit(x, y, epochs=3, batch_size=4, checkpoint=path, progress="quiet")
    resumed = trainer.fit(x, y, epochs=6, batch_size=4, checkpoint=path, resume=True, progress="quiet")["loss"]
assert resumed == whole
print("a resumed run has the same losses, to the last bit")
