"""A budget of seconds, by a clock that stands still until it is told to go on."""

import pytest

from batchlab.recommendation.stopwatch import OutOfTime, Stopwatch


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def __iadd__(self, seconds):
        self.now += seconds
        return self


@pytest.fixture
def clock():
    return Clock()


def refuses(watch, batch_size, updates):
    try:
        watch.check(batch_size, updates)
    except OutOfTime:
        return True
    return False


def test_what_is_spent_and_what_is_left_make_the_budget(clock):
    watch = Stopwatch(60, clock=clock)
    assert (watch.spent, watch.left) == (0, 60)
    clock += 25
    assert (watch.spent, watch.left) == (25, 35)
    clock += 40
    assert (watch.spent, watch.left) == (65, -5)


def test_before_anything_is_known_only_the_end_refuses(clock):
    watch = Stopwatch(60, clock=clock)
    assert not refuses(watch, 10**6, 10**9)
    clock += 60
    assert not refuses(watch, 1, 1)
    clock += 1e-3
    assert refuses(watch, 1, 1)


def test_a_training_is_expected_to_take_what_its_updates_took(clock):
    watch = Stopwatch(60, clock=clock)
    watch.learn(16, 100, compiling=0.0, training=1.0)
    assert not refuses(watch, 16, 6000)
    assert refuses(watch, 16, 6001)
    clock += 30
    assert not refuses(watch, 16, 3000)
    assert refuses(watch, 16, 3001)
    # The last counts.
    watch.learn(16, 100, compiling=0.0, training=2.0)
    assert not refuses(watch, 16, 1500)
    assert refuses(watch, 16, 1501)


def test_the_same_work_is_expected_to_take_as_long_at_another_batch_size(clock):
    watch = Stopwatch(64, clock=clock)
    watch.learn(16, 1, compiling=0.0, training=1.0)
    for size in (1, 16, 64):
        assert not refuses(watch, size, 64)
        assert refuses(watch, size, 65)


def test_the_nearest_batch_size_that_was_timed_is_asked(clock):
    watch = Stopwatch(100, clock=clock)
    watch.learn(4, 1, compiling=0.0, training=1.0)
    watch.learn(256, 1, compiling=0.0, training=5.0)
    assert not refuses(watch, 128, 20)
    assert refuses(watch, 128, 21)
    assert not refuses(watch, 8, 100)
    assert refuses(watch, 8, 101)


def test_a_batch_size_that_was_not_timed_has_to_be_compiled(clock):
    watch = Stopwatch(10, clock=clock)
    watch.learn(16, 1, compiling=2.0, training=1.0)
    watch.learn(32, 1, compiling=4.0, training=1.0)
    watch.learn(32, 1, compiling=0.0, training=1.0)
    assert not refuses(watch, 16, 10)
    assert not refuses(watch, 8, 6)
    assert refuses(watch, 8, 7)


def test_a_part_ends_after_its_share_of_what_is_left(clock):
    watch = Stopwatch(60, clock=clock)
    clock += 20
    part = watch.part(0.25)
    assert (part.spent, part.left) == (0, 10)
    clock += 10.5
    assert part.left == -0.5
    assert refuses(part, 1, 1)
    assert not refuses(watch, 1, 1)
    assert watch.left == 29.5


def test_a_part_learns_together_with_the_whole(clock):
    watch = Stopwatch(100, clock=clock)
    part = watch.part(0.5)
    part.learn(16, 1, compiling=3.0, training=1.0)
    assert not refuses(watch, 16, 100)
    assert refuses(watch, 16, 101)
    watch.learn(16, 1, compiling=0.0, training=10.0)
    assert not refuses(part, 16, 5)
    assert refuses(part, 16, 6)
    part.part(0.5).learn(16, 1, compiling=0.0, training=50.0)
    assert refuses(watch, 16, 3)


def test_a_part_of_nothing_is_nothing(clock):
    watch = Stopwatch(60, clock=clock)
    clock += 61
    part = watch.part(0.5)
    assert part.left == 0
    clock += 1
    assert refuses(part, 1, 1)


def test_without_a_clock_it_is_the_time_that_passes():
    watch = Stopwatch(60)
    before = watch.spent
    assert 0 <= before <= watch.spent
    assert 0 < watch.left < 60
