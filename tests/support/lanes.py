"""How pytest-xdist's processes share the tests: end-to-end tests wait much, the quick ones compute; both go at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ALONE = ("tests/e2e/", "tests/faults/")  # each of these tests has a cluster or processes of its own
SHARING = "tests/e2e/test_page.py"  # its tests share one cluster
QUICK_IN = 3  # every third process begins with the quick tests


class Lanes(LoadScopeScheduling):
    """Most processes begin with the first tests of the order, the end-to-end ones, and some with the last.

    So the machine computes while clusters start, and no more of these start at the same moment than it bears. Whoever
    finds no test of its kind any more takes the other kind.
    """

    def _split_scope(self, nodeid: str) -> str:
        """What goes to one process: a test with a cluster of its own, or a file whose tests share fixtures."""
        alone = nodeid.startswith(ALONE) and not nodeid.startswith(SHARING)
        return nodeid if alone else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % QUICK_IN == QUICK_IN - 1:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """A process has to know of one more test than the one it runs; a second would wait while others have none."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
