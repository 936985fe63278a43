"""LRUCache and RWLock, which are public with the map."""

import threading

import pytest

from chronomap_under_test import lib, within


@pytest.fixture
def cache():
    cache = lib.LRUCache(2)
    cache.put(("a", None), 1)
    cache.put(("b", 5.0), 2)
    return cache


def test_a_cache_gives_what_was_put_or_none(cache):
    assert cache.get(("a", None)) == 1
    assert cache.get(("a", 5.0)) is None
    cache.put(("a", None), 3)
    assert cache.get(("a", None)) == 3


def test_what_was_used_longest_ago_goes_first(cache):
    cache.get(("a", None))
    cache.put(("c", 1.0), 3)
    assert [cache.get(key) for key in (("a", None), ("b", 5.0), ("c", 1.0))] == [1, None, 3]
    cache.put(("a", None), 4)
    cache.put(("d", 1.0), 5)
    assert [cache.get(key) for key in (("a", None), ("c", 1.0))] == [4, None]


def test_all_entries_of_a_key_are_invalidated(cache):
    cache = lib.LRUCache()
    for ts in (None, 1.0, 2.0):
        cache.put(("a", ts), ts)
        cache.put(("b", ts), ts)
    cache.invalidate("a")
    assert cache.get_stats()["size"] == 3
    assert cache.get(("a", 1.0)) is None
    assert cache.get(("b", 1.0)) == 1.0
    cache.invalidate("nowhere")


def test_a_cache_counts_hits_and_misses(cache):
    cache.get(("a", None))
    cache.get(("b", 5.0))
    cache.get(("c", None))
    assert cache.get_stats() == {
        "hits": 2,
        "misses": 1,
        "size": 2,
        "capacity": 2,
        "hit_rate": 66.67,
    }
    assert (cache.hits, cache.misses, cache.capacity) == (2, 1, 2)


def test_clear_forgets_entries_and_counts(cache):
    cache.get(("a", None))
    cache.clear()
    wanted = {"hits": 0, "misses": 0, "size": 0, "capacity": 2, "hit_rate": 0}
    assert cache.get_stats() == wanted


def test_its_capacity_is_a_thousand_unless_told_and_may_be_nothing():
    assert lib.LRUCache().capacity == 1000
    assert lib.LRUCache(capacity=5).capacity == 5
    none = lib.LRUCache(0)
    none.put(("a", None), 1)
    assert none.get(("a", None)) is None


def test_a_cache_is_used_by_threads_at_once():
    cache = lib.LRUCache(50)

    def work(number):
        for step in range(500):
            key = (step % 70, None)
            cache.put(key, step % 70)
            assert cache.get(key) in {None, step % 70}
            if step % 50 == number:
                cache.invalidate(number)

    threads = [threading.Thread(target=work, args=[number], daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    stats = cache.get_stats()
    assert stats["size"] <= 50
    assert stats["hits"] + stats["misses"] == 2000


def held(acquire, release):
    """Takes a lock in a thread of its own; returns what lets go of it."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        acquire()
        taken.set()
        done.wait(10)
        release()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert taken.wait(5)

    def let_go():
        done.set()
        thread.join(5)
        assert not thread.is_alive()

    return let_go


def waits(acquire, release):
    """A thread that wants the lock; the event says that it has had it."""
    had = threading.Event()

    def want():
        acquire()
        had.set()
        release()

    threading.Thread(target=want, daemon=True).start()
    return had


def test_readers_share_the_lock():
    lock = lib.RWLock()
    let_go = held(lock.acquire_read, lock.release_read)
    within(2, lambda: (lock.acquire_read(), lock.release_read()))
    let_go()


def test_a_writer_waits_for_readers():
    lock = lib.RWLock()
    let_go = held(lock.acquire_read, lock.release_read)
    had = waits(lock.acquire_write, lock.release_write)
    assert not had.wait(0.1)
    let_go()
    assert had.wait(5)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_readers_and_writers_wait_for_a_writer(kind):
    lock = lib.RWLock()
    let_go = held(lock.acquire_write, lock.release_write)
    had = waits(getattr(lock, f"acquire_{kind}"), getattr(lock, f"release_{kind}"))
    assert not had.wait(0.1)
    let_go()
    assert had.wait(5)


def test_a_writer_that_waits_is_not_starved_by_readers():
    lock = lib.RWLock()
    stop = threading.Event()

    def read():
        while not stop.is_set():
            lock.acquire_read()
            lock.release_read()

    for _ in range(3):
        threading.Thread(target=read, daemon=True).start()
    try:
        within(5, lambda: (lock.acquire_write(), lock.release_write()))
    finally:
        stop.set()


def test_a_thread_may_take_the_lock_again():
    lock = lib.RWLock()
    within(2, lambda: [lock.acquire_read() for _ in range(3)])
    within(2, lambda: [lock.release_read() for _ in range(3)])

    def write_twice():
        for step in (lock.acquire_write, lock.release_write):
            step()
            step()

    lock = lib.RWLock()
    within(2, lambda: [lock.acquire_write(), write_twice(), lock.release_write()])


def test_a_lock_that_is_not_held_cannot_be_let_go_of_by_a_writer():
    with pytest.raises(RuntimeError):
        lib.RWLock().release_write()


def test_no_count_is_lost_between_writers():
    lock = lib.RWLock()
    total = 0

    def work():
        nonlocal total
        for _ in range(200):
            lock.acquire_write()
            found = total
            threading.Event().wait(0)
            total = found + 1
            lock.release_write()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert total == 800
