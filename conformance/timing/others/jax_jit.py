"""jax.jit: the whole step, update included, in one compiled function whose arrays are donated."""

import importlib.util
from typing import Any

from conformance.timing import lenet
from conformance.timing.measure import Call
from conformance.timing.others import agree
from conformance.timing.others.weights import given
from conformance.timing.row import STEP
from conformance.timing.threads import processors

MOMENTUM, EPSILON, DROPPED = 0.1, 1e-5, 0.3  # of running statistics; in the variance; of fc1's units


def missing(threads: int) -> str:
    """Why it cannot run here; "" when it can."""
    if importlib.util.find_spec("jax") is None:
        return "jax is not installed"
    if threads != processors():
        return f"XLA uses all {processors()} processors, whatever one asks of it while it runs"
    return ""


def build(torch: Any, batch: int, what: str) -> Call:
    """A step or inference, compiled."""
    import jax
    import jax.numpy as jnp

    start = given(torch, batch)
    images, labels = jnp.asarray(start.images), jnp.asarray(start.labels)

    def convolved(x: Any, p: Any, name: str, padding: int = 0) -> Any:
        out = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), [(padding, padding)] * 2)
        return out + p[f"{name}.bias"][:, None, None]

    def normalized(x: Any, p: Any, running: Any, name: str, training: bool) -> tuple[Any, dict[str, Any]]:
        """The normalized x, and the running statistics after it."""
        if name not in start.norms:
            return x, {}
        mean, var = running[f"{name}.running_mean"], running[f"{name}.running_var"]
        updated = {}
        if training:
            count = x.size // x.shape[1]
            new_mean, new_var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            updated[f"{name}.running_mean"] = (1 - MOMENTUM) * mean + MOMENTUM * new_mean
            updated[f"{name}.running_var"] = (1 - MOMENTUM) * var + MOMENTUM * new_var * count / (count - 1)
            mean, var = new_mean, new_var
        scale = p[f"{name}.weight"] * jax.lax.rsqrt(var + EPSILON)
        return (x - mean[:, None, None]) * scale[:, None, None] + p[f"{name}.bias"][:, None, None], updated

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID") / 4

    def forward(p: Any, running: Any, x: Any, key: Any, training: bool) -> tuple[Any, dict[str, Any]]:
        """Logits, and the running statistics."""
        found: dict[str, Any] = {}
        for name, padding in (("1", 2), ("2", 0), ("3", 0)):
            x = convolved(x, p, f"conv{name}", padding)
            x, updated = normalized(x, p, running, f"norm{name}", training)
            found |= updated
            x = jnp.tanh(x)
            if name != "3":
                x = pooled(x)
        x = x.reshape(x.shape[0], -1) @ p["fc1.weight"].T + p["fc1.bias"]
        if training:
            x = jnp.where(jax.random.bernoulli(key, 1 - DROPPED, x.shape), x / (1 - DROPPED), 0.0)
        return jnp.tanh(x) @ p["fc2.weight"].T + p["fc2.bias"], found

    def loss_of(p: Any, running: Any, key: Any, x: Any, y: Any) -> tuple[Any, dict[str, Any]]:
        logits, found = forward(p, running, x, key, True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), found

    def step(p: Any, velocity: Any, running: Any, key: Any, x: Any, y: Any) -> tuple[Any, ...]:
        key, used = jax.random.split(key)
        (loss, found), gradients = jax.value_and_grad(loss_of, has_aux=True)(p, running, used, x, y)
        velocity = jax.tree.map(lambda v, g: lenet.SETTINGS["momentum"] * v + g, velocity, gradients)
        p = jax.tree.map(lambda w, v: w - lenet.SETTINGS["lr"] * v, p, velocity)
        return p, velocity, found, key, loss

    parameters = {name: jnp.asarray(value) for name, value in start.parameters.items()}
    running = {name: jnp.asarray(value) for name, value in start.buffers.items()}
    infer = jax.jit(lambda p, running, x: forward(p, running, x, None, False)[0])
    agree("jax", infer(parameters, running, images), start.logits)
    if what != STEP:
        return lambda: infer(parameters, running, images).block_until_ready()
    compiled = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    state = [parameters, {k: jnp.zeros_like(v) for k, v in parameters.items()}, running, jax.random.key(0)]

    def call() -> Any:
        *state[:], loss = compiled(*state, images, labels)
        return loss.block_until_ready()

    return call
