"""The steps of `gpu.py`: on a GPU, and their rehearsal without one."""

import sys
from dataclasses import dataclass
from pathlib import Path

STAND_IN = "refnet:cupy=stand-in"


@dataclass(frozen=True)
class Step:
    """One process. `out` is the folder of its report, "" for none; `passes` are the exit statuses of success."""

    name: str
    title: str
    words: tuple[str, ...]  # after `python`
    seconds: float
    quick_seconds: float
    quick: tuple[str, ...] = ()  # more words with --quick
    full: tuple[str, ...] = ()  # more words without
    out: str = ""
    passes: tuple[int, ...] = (0,)

    def command(self, work: Path, quick: bool) -> list[str]:
        """The command line."""
        out = ["--out", str(work / self.out)] if self.out else []
        return [sys.executable, *self.words, *(self.quick if quick else self.full), *out]

    def limit(self, quick: bool) -> float:
        """Seconds it may take."""
        return self.quick_seconds if quick else self.seconds


def conform(*words: str) -> tuple[str, ...]:
    return ("-m", "conformance", *words)


def plan(device: str) -> list[Step]:
    """The steps on a GPU."""
    run, there = conform("run"), ("--device", device)
    return [
        Step("machine", "what is here", ("benchmarks/gpu.py", "--probe", device), 120, 30),
        Step("assumptions", "what the stand-in takes cupy to be", ("-m", "conformance.standin.assumptions"), 600, 60),
        Step("kernels", "every kernel compiled by NVRTC", ("benchmarks/gpu.py", "--compile"), 600, 60),
        Step(
            "streams",
            "random numbers bit for bit: rand, randint, normal, bernoulli, dropout",
            (*run, *there, "--check", "bits"),
            900,
            60,
            quick=("--shard", "1/2"),
            out="streams",
        ),
        Step(
            "conformance",
            "refnet beside torch, both on the GPU",
            (*run, *there),
            7200,
            130,
            quick=("--shard", "1/12"),
            out="conformance",
        ),
        Step(
            "devices",
            "refnet on the GPU beside refnet on the CPU",
            (*run, *there, "--reference", "refnet@cpu"),
            3600,
            50,
            quick=("--shard", "1/40"),
            out="devices",
        ),
        Step(
            "cudnn-off",
            "torch without cuDNN passes: a legitimate implementation",
            (*run, *there, "--candidate", "torch:cudnn=off", "--family", "conv,norm,rnn"),
            1200,
            30,
            quick=("--shard", "1/12"),
            out="cudnn-off",
        ),
        Step(
            "tf32",
            "torch with TF32 fails: its products have ten bits",
            (
                *run,
                *there,
                "--candidate",
                "torch:tf32",
                "--ops",
                "matmul,mm,nn.functional.linear",
                "--dtype",
                "float32",
            ),
            600,
            25,
            out="tf32",
            passes=(1,),
        ),
        Step(
            "training",
            "LeNet-5, the same seed, every step compared",
            conform("train", "lenet5", *there),
            1200,
            45,
            quick=("--steps", "10", "--samples", "1"),
            full=("--steps", "300", "--anchor-every", "50"),
            out="training",
        ),
        Step(
            "timings",
            "LeNet-5 eager and captured, single operations",
            conform("time", *there),
            1800,
            75,
            quick=("--quick",),
            out="timings",
        ),
    ]


def rehearsal() -> list[Step]:
    """The same steps, small, where there is no GPU: what is measured means nothing, that it runs does."""
    there = ("--device", "cuda", "--reference", "torch@cpu")
    run = conform("run", "--candidate", STAND_IN, *there, "--workers", "1")
    return [
        Step("machine", "what is here", ("benchmarks/gpu.py", "--probe", "cpu"), 60, 60),
        Step(
            "assumptions",
            "what the stand-in takes cupy to be, asked of itself",
            ("-m", "conformance.standin.assumptions", "--stand-in"),
            120,
            120,
        ),
        Step(
            "kernels",
            "every kernel found by the stand-in",
            ("benchmarks/gpu.py", "--compile", "--rehearse"),
            300,
            300,
        ),
        Step(
            "streams",
            "random numbers, which the stand-in takes from the CPU",
            (*run, "--check", "bits", "--ops", "dropped,rrelu"),
            120,
            120,
            out="streams",
        ),
        Step(
            "conformance",
            "refnet on the stand-in beside torch on the CPU",
            (*run, "--ops", "tanh,matmul,nn.functional.linear", "--dtype", "float32"),
            300,
            120,
            quick=("--shard", "1/8"),
            out="conformance",
        ),
        Step(
            "tf32",
            "torch with a planted fault fails",
            conform(
                "run",
                "--candidate",
                "conformance.candidates.planted",
                "--ops",
                "nn.functional.softplus",
                "--workers",
                "1",
            ),
            120,
            120,
            out="tf32",
            passes=(1,),
        ),
        Step(
            "training",
            "the same seed, every step compared",
            conform("train", "mlp", "--candidate", STAND_IN, *there, "--steps", "2", "--samples", "1"),
            120,
            120,
            out="training",
        ),
        Step(
            "timings",
            "one row",
            conform("time", "--quick", "--row", "tanh 64x84", "--candidate", "torch"),
            120,
            120,
            out="timings",
        ),
    ]
