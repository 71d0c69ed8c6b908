"""Lets worker processes import `planted`: they inherit this process's import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
