"""Every kernel compiles for every GPU: by cupy's NVRTC, which needs none."""

import importlib.util
import re
from typing import Any

import pytest

from refnet._kernels import launch

ARCHITECTURES = (70, 80, 90)


def nvrtc() -> Any:
    """cupy's binding of NVRTC, which needs no GPU; the test is skipped without it."""
    if importlib.util.find_spec("cupy_backends") is None:
        pytest.skip("NVRTC comes with cupy, which is not installed")
    try:
        import cupy  # finds the library
        from cupy_backends.cuda.libs import nvrtc as found

        assert cupy.__version__ and found.getVersion()
    except Exception as missing:  # an installation without the library
        pytest.skip(f"NVRTC does not load: {missing}")
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("family", launch.families())
def test_nvrtc_compiles(family: str, architecture: int) -> None:
    library = nvrtc()
    for kind, c_type in launch.C_TYPES.items():
        program = library.createProgram(launch.source(family), f"{family}.cu", (), ())
        for name in launch.names(family):
            library.addNameExpression(program, f"{name}<{c_type}>")
        try:
            library.compileProgram(program, (*launch.OPTIONS, f"--gpu-architecture=compute_{architecture}"))
        except Exception:
            pytest.fail(f"{family} in {kind}: {library.getProgramLog(program)}")
        assembly = library.getPTX(program)
        assembly = assembly.decode() if isinstance(assembly, bytes) else assembly
        if family != "philox":  # whose reduction of large angles needs a table of its own
            assert ".local .align" not in assembly, "an array in local memory, which is slow"
        if family == "elementwise" and kind == "f":
            assert not re.findall(r"\b(?:add|fma|div|sub|rcp|sqrt)\S*\.f64", assembly), "float64 arithmetic in float32"
