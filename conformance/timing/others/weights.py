"""torch's network, as arrays, for libraries that build it by other means."""

from dataclasses import dataclass
from typing import Any

from conformance.draw import Array
from conformance.timing import lenet


@dataclass(frozen=True)
class Given:
    """What the libraries start from, and what they have to compute from it."""

    parameters: dict[str, Array]
    buffers: dict[str, Array]  # running_mean and running_var of each norm
    images: Array
    labels: Array
    logits: Array  # in evaluation mode

    @property
    def norms(self) -> tuple[str, ...]:
        """The normalizations that there are: the third is left out for one image."""
        return tuple(name.partition(".")[0] for name in self.buffers if name.endswith("running_mean"))


def given(torch: Any, batch: int) -> Given:
    """The network of `lenet.model`, drawn from seed 0."""
    torch.manual_seed(0)
    row = next(lenet.rows((batch,)))
    images, labels = row.sample().arrays
    model = lenet.model(torch, batch)
    parameters = {name: value.detach().numpy().copy() for name, value in model.named_parameters()}
    buffers = {name: value.numpy().copy() for name, value in model.named_buffers() if "num_batches" not in name}
    logits = lenet.Inference(torch, model, torch.from_numpy(images))().numpy().copy()
    return Given(parameters, buffers, images, labels, logits)
