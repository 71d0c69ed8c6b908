"""The documentation builds without a warning, and holds what it should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="pip install 'refnet[docs]' builds the documentation")
pytest.importorskip("furo")
pytest.importorskip("myst_parser")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q"]
    done = subprocess.run(
        [*command, "-d", str(folder / "trees"), str(ROOT / "docs"), str(folder / "html")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_reference_has_functions_primitives_and_classes(site: Path) -> None:
    rows = {
        "reference/refnet.html": ["refnet.tanh", "refnet.hypot"],
        "reference/refnet.nn.html": ["refnet.nn.Conv2d", "refnet.nn.Module"],
        "reference/refnet.nn.functional.html": ["refnet.nn.functional.conv2d"],
        "reference/refnet.optim.html": ["refnet.optim.AdamW"],
        "reference/conformance.html": ["conformance.judge", "conformance.assert_conforms", "conformance.Verdict"],
    }
    for page, names in rows.items():
        html = (site / page).read_text(encoding="utf-8")
        missing = [name for name in names if f'id="{name}"' not in html]
        assert not missing, f"{page} lacks {missing}"
    assert "out = sqrt(x^2 + y^2)" in (site / "reference/refnet.html").read_text(encoding="utf-8")


def test_figure_is_in_the_page(site: Path) -> None:
    html = (site / "verdict.html").read_text(encoding="utf-8")
    assert "<svg" in html and "what assert_close allows" in html


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """Opened from a disk without network, a page is whole."""
    outside = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'>]*""")
    found = [f"{path.name}: {m[0]}" for path in site.rglob("*.html") if (m := outside.search(path.read_text("utf-8")))]
    assert not found, found
