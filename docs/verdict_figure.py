"""The directive `verdict-figure`: errors of two ways to compute e^x - 1, and what two rules allow; drawn at build time."""

import io

import numpy
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RTOL, ATOL = 1.3e-6, 1e-5  # torch.testing.assert_close at float32
UNIT = 2.0**-24  # half the distance from 1 to the next float32
LAMBDA = 8  # an error of this many roundings passes without a look at the operation


class VerdictFigure(SphinxDirective):
    """An SVG inside the page."""

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        return [nodes.raw("", f'<figure role="img" aria-label="{__doc__}">{drawn()}</figure>', format="html")]


def drawn() -> str:
    """Error against result, both logarithmic."""
    import matplotlib.pyplot as plt

    x = numpy.logspace(-6, 0, 200, dtype="float32")
    truth = numpy.expm1(x.astype("float64"))
    ways = {
        "exp(x) - 1, in float32": numpy.exp(x) - numpy.float32(1),
        "expm1(x), in float32": numpy.expm1(x),
    }
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "verdict", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
        for (name, found), marker in zip(ways.items(), ("x", "."), strict=True):
            error = numpy.abs(found - truth)
            axes.plot(truth[error > 0], error[error > 0], marker, markersize=4, label=name)
        axes.plot(truth, ATOL + RTOL * truth, "--", color="0.4", label="what assert_close allows")
        axes.plot(truth, LAMBDA * UNIT * truth, color="0.4", label="8 roundings of the result")
        axes.set(xscale="log", yscale="log", xlabel="result", ylabel="error")
        axes.legend(fontsize=8)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)
    return out.getvalue().partition("<svg")[1] + out.getvalue().partition("<svg")[2]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("verdict-figure", VerdictFigure)
    return {"parallel_read_safe": True}
