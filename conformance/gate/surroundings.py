"""What differs around two runs, and what cannot be compared for it.

Both the unit of a rounding error and the ratio of two times contain torch: under another release of torch neither says
anything about the candidate, and the gate says so instead of passing. Another processor or numpy is no such thing (the
candidate's bits may differ there, but not how accurate it is); it is named, and `speed.py` takes a processor into account.
"""

from typing import Any

from conformance.gate.change import ACCURACY, SPEED

_PACKAGES = ("torch", "numpy", "ml_dtypes")


def fingerprint(about: dict[str, Any]) -> dict[str, str]:
    """What a run hangs on, in words."""
    identity = about.get("identity", {})
    packages = about.get("packages", {})
    found = {name: str(packages.get(name) or identity.get(name) or "unknown") for name in _PACKAGES}
    found |= {key: str(about.get(key, "unknown")) for key in ("processor", "machine", "system", "python")}
    found |= {
        key: str(identity.get(key, "")) for key in ("candidate", "candidate version", "candidate sources", "device")
    }
    return found | {"harness sources": str(identity.get("harness sources", ""))}


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One line for each thing in which the surroundings of two runs differ."""
    left, right = fingerprint(then), fingerprint(now)
    return [f"{key}: {left[key]} in the baseline, {right[key]} now" for key in left if left[key] != right[key]]


def incomparable(then: dict[str, Any], now: dict[str, Any]) -> dict[str, str]:
    """The areas that cannot be compared, each with the reason."""
    before, after = (release(fingerprint(about)["torch"]) for about in (then, now))
    if before == after:
        return {}
    reason = f"torch {before} in the baseline, {after} now: {{}} relative to torch; make the baseline anew"
    return {
        ACCURACY: reason.format("rounding errors are measured"),
        SPEED: reason.format("times are"),
    }


def same_processor(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether both ran on the same kind of processor; unknown ones count as different."""
    left, right = fingerprint(then)["processor"], fingerprint(now)["processor"]
    return left == right != "unknown"


def release(version: str) -> str:
    """A version without the name of its build: 2.13.0+cpu and 2.13.0 compute the same."""
    return version.partition("+")[0]


def require_same_candidate(then: dict[str, Any], now: dict[str, Any]) -> None:
    """ValueError when the two runs are of different candidates or devices."""
    left, right = (fingerprint(about) for about in (then, now))
    for key in ("candidate", "device"):
        if left[key] != right[key]:
            raise ValueError(f"the baseline is of {key} {left[key]!r}, the report of {right[key]!r}")
