"""The packages that only training's outward side needs: the extra ``train``."""

from importlib.util import find_spec


def available(package: str) -> bool:
    """Whether a package is installed."""
    return find_spec(package) is not None


def need(package: str, purpose: str) -> None:
    """ModuleNotFoundError that says how to install `package` if it is not there."""
    if not available(package):
        raise ModuleNotFoundError(
            f"{purpose} needs the package {package}, which is not installed: pip install 'refnet[train]'", name=package
        )
