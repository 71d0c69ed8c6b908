"""The team: every part once, errors, nesting, forks, several callers; results do not depend on its size."""

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import numpy as np
import pytest

import refnet
from refnet._threads import _team, share


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = refnet.get_num_threads()
    refnet.set_num_threads(3)
    yield
    refnet.set_num_threads(before)


def test_every_part_is_done_once() -> None:
    for count in (0, 1, 2, 3, 50):
        done: list[int] = []
        share(done.append, count)
        assert sorted(done) == list(range(count))


def test_several_threads_work() -> None:
    together = threading.Barrier(3, timeout=20)
    share(lambda _: together.wait() and None, 3)


def test_an_error_is_raised_after_all_stopped_and_the_team_goes_on() -> None:
    def work(number: int) -> None:
        if number == 3:
            raise ValueError("the fourth")

    for _ in range(20):
        with pytest.raises(ValueError, match="the fourth"):
            share(work, 6)
    test_every_part_is_done_once()


def test_errors_of_several_parts_are_all_forgotten() -> None:
    together = threading.Barrier(3, timeout=20)

    def work(number: int) -> None:
        together.wait()
        raise ValueError(number)

    with pytest.raises(ValueError, match="0|1|2"):
        share(work, 3)
    test_every_part_is_done_once()


def test_after_an_interrupt_while_waiting_the_work_is_still_shared() -> None:
    main, begun, hold = threading.get_ident(), threading.Event(), threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def work(number: int) -> None:
        if threading.get_ident() == main:
            begun.wait(20)
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # main waits for the others by then
        else:
            begun.set()
            hold.wait(20)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            share(work, 3)
        for _ in range(5):
            test_every_part_is_done_once()
    finally:
        signal.signal(signal.SIGALRM, before)
        hold.set()


def test_a_part_may_share_its_own_work() -> None:
    done: list[tuple[int, int]] = []
    share(lambda i: share(lambda j: done.append((i, j)), 4), 4)
    assert sorted(done) == [(i, j) for i in range(4) for j in range(4)]


def test_callers_at_the_same_time() -> None:
    sums = [0] * 4

    def call(caller: int) -> None:
        for _ in range(50):
            parts: list[int] = []
            share(parts.append, 8)
            sums[caller] += sum(parts)

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert sums == [28 * 50] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_after_a_fork_the_child_has_a_team_of_its_own() -> None:
    share(lambda _: None, 3)
    child = os.fork()
    if not child:
        done: list[int] = []
        share(done.append, 10)
        os._exit(0 if sorted(done) == list(range(10)) and _team.members else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_numbers_are_checked() -> None:
    with pytest.raises(RuntimeError, match="positive integer, got 0"):
        refnet.set_num_threads(0)
    with pytest.raises(TypeError, match="got float"):
        refnet.set_num_threads(2.0)  # type: ignore[arg-type]


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    x, w = (
        refnet.tensor(rng.normal(size=s).astype("f4"), requires_grad=True) for s in ((32, 6, 28, 28), (16, 6, 5, 5))
    )
    found = []
    for threads in (1, 2, 3):
        refnet.set_num_threads(threads)
        out = refnet.nn.functional.batch_norm(refnet.nn.functional.conv2d(x, w).tanh(), None, None, training=True)
        found.append([out.detach().numpy(), *(g.numpy() for g in refnet.autograd.grad(out.sigmoid().sum(), (x, w)))])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
