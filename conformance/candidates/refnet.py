"""refnet as a candidate: public names only. The only file that imports refnet."""

from conformance.candidates.namespace import Namespace


def load(device: str = "cpu") -> Namespace:
    """refnet on a device."""
    import refnet

    return Namespace(refnet, "refnet", device)
