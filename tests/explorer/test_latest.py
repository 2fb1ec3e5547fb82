"""The newest wins: what is computed, what is shown, and what becomes of errors."""

import asyncio
import threading

import pytest

from batchlab.explorer.latest import Latest


class Bench:
    """A computation whose stages wait until they are let go, and a record of what happened."""

    def __init__(self, stages=1):
        self.stages, self.begun, self.shown, self.failed = stages, [], [], []
        self.go = threading.Semaphore(0)
        self.at_work = threading.Semaphore(0)
        self.latest = Latest(self.compute, self.show, self.fail)

    def compute(self, value, stop):
        self.stop = stop
        self.begun.append(value)
        for stage in range(1, self.stages + 1):
            self.at_work.release()
            assert self.go.acquire(timeout=10)
            if value == "wrong":
                raise ValueError("expected a number, received 'wrong'.")
            yield stage

    def show(self, value, result):
        if value == "unshowable":
            raise RuntimeError("expected something to draw, received nothing.")
        self.shown.append((value, result))

    def fail(self, value, error):
        self.failed.append((value, str(error)))

    async def until_at_work(self):
        assert await asyncio.to_thread(self.at_work.acquire, timeout=10)


@pytest.fixture
def bench():
    made = []

    def make(**given):
        made.append(Bench(**given))
        return made[0]

    yield make
    for one in made:
        one.go.release(100)
        one.latest.close()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_of_values_that_come_in_one_go_only_the_last_is_computed(bench):
    async def moves():
        one = bench()
        one.go.release(10)
        for value in range(10):
            one.latest.submit(value)
        await one.latest.idle()
        return one

    one = run(moves())
    assert (one.begun, one.shown) == ([9], [(9, 1)])


def test_a_newer_value_replaces_the_one_that_waits(bench):
    async def moves():
        one = bench()
        one.latest.submit("first")
        await one.until_at_work()
        for value in range(10):
            one.latest.submit(value)
        one.go.release(10)
        await one.latest.idle()
        return one

    one = run(moves())
    assert one.begun == ["first", 9]
    assert one.shown == [(9, 1)], "the answer to what was superseded is not shown"


def test_the_stages_of_a_superseded_value_are_left(bench):
    async def moves():
        one = bench(stages=3)
        one.latest.submit("old")
        await one.until_at_work()
        one.go.release()
        await one.until_at_work()  # in its second stage
        one.latest.submit("new")
        one.go.release(10)
        await one.latest.idle()
        return one

    one = run(moves())
    assert one.begun == ["old", "new"]
    assert one.shown == [("old", 1), ("new", 1), ("new", 2), ("new", 3)]


def test_an_error_is_handed_on_and_the_next_value_is_answered(bench):
    async def moves():
        one = bench()
        one.go.release(10)
        for value in ("wrong", "unshowable", "right"):
            one.latest.submit(value)
            await one.latest.idle()
        return one

    one = run(moves())
    assert one.failed == [
        ("wrong", "expected a number, received 'wrong'."),
        ("unshowable", "expected something to draw, received nothing."),
    ]
    assert one.shown == [("right", 1)]


def test_the_error_of_a_superseded_value_is_not_shown(bench):
    async def moves():
        one = bench()
        one.latest.submit("wrong")
        await one.until_at_work()
        one.latest.submit("right")
        one.go.release(10)
        await one.latest.idle()
        return one

    one = run(moves())
    assert (one.failed, one.shown) == ([], [("right", 1)])


def test_after_closing_nothing_is_shown(bench):
    async def moves():
        one = bench()
        one.latest.submit("late")
        await one.until_at_work()
        one.latest.close()
        one.go.release(10)
        await one.latest.idle()
        return one

    assert run(moves()).shown == []


def test_what_is_computed_is_told_that_something_newer_came(bench):
    async def moves():
        one = bench()
        one.latest.submit(1)
        await one.until_at_work()
        assert not one.stop()
        first = one.stop
        one.latest.submit(2)
        assert first()
        one.go.release(2)
        await one.latest.idle()
        assert not one.stop()
        assert one.shown == [(2, 1)]

    run(moves())


def test_work_ahead_is_told_when_a_value_comes(bench):
    async def moves():
        one, told = bench(), threading.Event()
        free = threading.Event()

        def ahead(stop):
            assert not stop()
            free.set()
            while not stop():
                pass
            told.set()

        one.latest.meanwhile(ahead)
        assert await asyncio.to_thread(free.wait, 10)
        one.go.release()
        one.latest.submit(1)
        await one.latest.idle()
        assert told.is_set()
        assert one.shown == [(1, 1)]

    run(moves())
