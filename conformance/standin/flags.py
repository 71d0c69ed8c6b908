"""`ndarray.flags`."""


class Flags:
    """What `ndarray.flags` is in cupy: three attributes and no `writeable`."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    @property
    def forc(self) -> bool:
        """Contiguous in one of the two orders."""
        return self.c_contiguous or self.f_contiguous

    @property
    def fnc(self) -> bool:
        """Contiguous in Fortran's order only."""
        return self.f_contiguous and not self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))
