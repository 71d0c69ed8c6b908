"""Lets the tests of causes import `failing`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
