"""Ctrl-C and termination between two batches, not in the middle of one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Training was interrupted and has saved where it stands.

    - checkpoint: the file. signal: the number of the signal.
    """

    def __init__(self, checkpoint: str, signal: int) -> None:
        super().__init__(f"training was interrupted; {checkpoint} has everything to go on from")
        self.checkpoint, self.signal = checkpoint, signal


class Pending:
    """The signal that asks to stop, 0 as long as there is none."""

    signal = 0


@contextmanager
def deferred(enabled: bool = True) -> Iterator[Pending]:
    """Within the block, SIGINT and SIGTERM are noted instead of acted on; a second SIGINT interrupts as usual.

    Without effect outside the main thread, where Python gives no signals.
    """
    pending = Pending()

    def note(number: int, frame: FrameType | None) -> None:
        if pending.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        pending.signal = number

    if not enabled or threading.current_thread() is not threading.main_thread():
        yield pending
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
