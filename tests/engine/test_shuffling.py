"""Orders are permutations, fair ones, and the same however they are drawn."""

import numpy as np
import pytest
from scipy import stats

import batchlab as bl
from batchlab.engine.shuffling import next_orders, order_generator


def test_every_epoch_is_a_permutation():
    orders = bl.shuffle_orders(50, 20, seed=3, replicate=2)
    assert orders.shape == (20, 50)
    assert orders.dtype == np.int32
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(50), (20, 1)))


def test_epochs_and_replicates_differ_and_a_seed_repeats():
    first = bl.shuffle_orders(50, 20, seed=3, replicate=0)
    assert len(np.unique(first, axis=0)) == 20
    assert not np.array_equal(first, bl.shuffle_orders(50, 20, seed=3, replicate=1))
    np.testing.assert_array_equal(first, bl.shuffle_orders(50, 20, seed=3, replicate=0))


def test_a_replicate_is_the_run_with_its_seed_alone():
    np.testing.assert_array_equal(
        bl.shuffle_orders(50, 4, seed=10, replicate=3),
        bl.shuffle_orders(50, 4, seed=13, replicate=0),
    )


@pytest.mark.parametrize("n_train", [1, 7, 500])
def test_drawn_in_pieces_they_are_the_same(n_train):
    generator = order_generator(5)
    pieces = [next_orders(generator, n_train, epochs) for epochs in (1, 2, 4)]
    whole = bl.shuffle_orders(n_train, 7, seed=5, replicate=0)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_more_epochs_begin_with_the_same():
    longer = bl.shuffle_orders(50, 9, seed=1, replicate=0)
    np.testing.assert_array_equal(longer[:4], bl.shuffle_orders(50, 4, seed=1, replicate=0))


def test_all_orders_are_equally_likely():
    orders = bl.shuffle_orders(4, 24_000, seed=0, replicate=0)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 0.001
