"""Which worker gets which case: work stealing over chunks of cases of the same operation.

Cases of one operation stand side by side and go to one worker, because what they share (drawing a library's samples,
a cold cache) is then paid for once. Every worker begins with its own part of the whole; one that has nothing left takes
the further half of the longest part that remains, again a run of neighbours.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from conformance.case import Case


class Schedule:
    """The cases that nobody has begun, a queue a worker."""

    def __init__(self, cases: Sequence[Case], workers: int) -> None:
        # Long cases first and dealt out one by one, so that none is left alone at the end.
        long = sorted((case for case in cases if case.timeout), key=lambda case: -(case.timeout or 0.0))
        short = [case for case in cases if not case.timeout]
        share = -(-len(short) // workers)  # rounded up
        self.queues = [deque(long[w::workers] + short[w * share : (w + 1) * share]) for w in range(workers)]

    def __len__(self) -> int:
        return sum(len(queue) for queue in self.queues)

    def next(self, worker: int) -> Case | None:
        """The next case for a worker; None when there is none left for anybody."""
        mine = self.queues[worker]
        if not mine:
            longest = max(self.queues, key=len)
            for _ in range((len(longest) + 1) // 2):
                mine.appendleft(longest.pop())
            self._keep_together(mine, longest)
        return mine.popleft() if mine else None

    def give_back(self, worker: int, cases: Iterable[Case]) -> None:
        """Cases that a worker had been given, but has not begun: it died of the one before."""
        self.queues[worker].extendleft(reversed(list(cases)))

    @staticmethod
    def _keep_together(taken: deque[Case], left: deque[Case]) -> None:
        """Move the cut to where the operation changes, unless that takes or leaves everything."""
        torn = taken[0].operation.name if taken else None
        beginning = next((i for i, case in enumerate(taken) if case.operation.name != torn), None)
        if left and beginning is not None and left[-1].operation.name == torn:
            for _ in range(beginning):
                left.append(taken.popleft())
