"""Threads that begin together."""

import threading


def at_once(*works, seconds=600):
    """Run these in threads of their own; the first failure of any is raised."""
    failures = []
    start = threading.Barrier(len(works))

    def run(work):
        start.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=seconds)
        assert not thread.is_alive(), "a thread hangs"
    if failures:
        raise failures[0]
