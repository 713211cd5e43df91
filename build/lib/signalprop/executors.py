"""Where runs are made besides this process: in local processes, or on a Dask cluster.

Both are executors in the sense of `concurrent.futures`, which `~signalprop.runner.run_study`
takes; any other of its kind will do as well.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 2
"""How often a call is made whose process dies: once more, in case another was meant."""


class ProcessDiedError(RuntimeError):
    """The process that made a call died, as one does that takes more memory than there is."""


class Processes(Executor):
    """Local processes, each of which may die without harm to the others.

    A `~concurrent.futures.ProcessPoolExecutor` gives up all its work if one of its processes
    is killed.  Here each process is a pool of its own, begun anew when it dies, and its call
    is made once more.  The processes end with this one, however it ends.

    Parameters
    ----------
    jobs : number of processes, >= 1

    Raises
    ------
    ValueError
        If ``jobs`` is out of range.
    """

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {jobs}")
        # Forked processes would inherit the locks of torch's threads, but not the threads.
        self._context = multiprocessing.get_context("spawn")
        # The processes hold one end, this one the other: when it closes, they end.
        self._their_end, self._lifeline = self._context.Pipe(duplex=False)
        self._pools: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
        for _ in range(jobs):
            self._pools.put(self._pool())
        self._threads = ThreadPoolExecutor(jobs)  # each waits for one process

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call made by the next process that is free.

        Its future raises `ProcessDiedError` if the process dies at it, and again at the second try.
        """
        return self._threads.submit(self._call, partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, make those that were submitted, and end the processes."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._end()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool | None:
        """End the processes: at once if it is an exception that ends the block."""
        if kind is not None:
            self._lifeline.close()
        self.shutdown(cancel_futures=kind is not None)
        return None

    def _end(self) -> None:
        while not self._pools.empty():
            self._pools.get().shutdown()
        self._lifeline.close()
        self._their_end.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, _live, (self._their_end,))

    def _call(self, call: Callable[[], T]) -> T:
        pool = self._pools.get()
        try:
            for _ in range(ATTEMPTS):
                try:
                    return pool.submit(call).result()
                except BrokenProcessPool:
                    pool.shutdown()
                    if self._lifeline.closed:  # it died because we wanted it to
                        break
                    pool = self._pool()
            raise ProcessDiedError("its process died: killed, perhaps for want of memory")
        finally:
            self._pools.put(pool)


def _live(lifeline: Connection) -> None:
    """Begin a process: it ends when the other end of the lifeline closes.

    That other end is in one process only, and closes if that is killed.
    """
    # Ctrl+C in a terminal reaches all its processes; the one that began them ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end() -> None:
        lifeline.poll(None)
        os._exit(1)  # at any moment: files are written whole, and locks end with us

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def dask(address: str, seconds: float = 10.0) -> Iterator[Executor]:
    """Connect to the Dask cluster whose scheduler is at an address.

    Parameters
    ----------
    address : of the scheduler, as ``tcp://host:8786``
    seconds : how long to wait for its answer

    Raises
    ------
    ValueError
        If Dask is not installed, or nothing answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "a Dask cluster needs the package distributed: pip install 'signalprop[dask]'"
        ) from None
    # What it would log of a scheduler that is lost is told by the runs that were given up.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise ValueError(f"no Dask scheduler answers at {address}: {problem}") from None
    with client:
        # Not pure: a run that failed is to be made again when it is asked for again.
        yield client.get_executor(pure=False)
