"""How long a training goes on, and what is recorded of it on the way."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import batchlab as bl
from batchlab.engine.batch_sizes import BatchSizes, checked_batch_sizes
from batchlab.engine.budgets import checked_budget, spaced_records
from batchlab.foundation.backend import floatx, keras

METRICS = ["loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy"]


def sizes_of_updates(batch_size, n_train, updates):
    """Return the samples in each update, counted one by one."""
    epoch = [min(batch_size, n_train - start) for start in range(0, n_train, batch_size)]
    return list(itertools.islice(itertools.cycle(epoch), updates))


# Segments


@pytest.mark.parametrize("n_train", [1, 2, 5, 12])
def test_segments_are_each_update_once_in_order_and_end_where_records_are(n_train):
    generator = np.random.default_rng(n_train)
    for batch_size in range(1, n_train + 1):
        each = math.ceil(n_train / batch_size)
        for updates in {1, each, each + 1, 2 * each, 3 * each - 1, 3 * each}:
            choices = [None, 1, updates, [1], [max(updates // 2, 1)]]
            for _ in range(4):
                count = generator.integers(1, updates + 1)
                chosen = generator.choice(np.arange(1, updates + 1), count, replace=False)
                choices.append(sorted(chosen.tolist()))
            for records in choices:
                budget = checked_budget(
                    batch_size, n_train, epochs=None, updates=updates, records=records
                )
                assert_covers(budget, updates)


@pytest.mark.parametrize(("batch_size", "n_train"), [(1, 3), (2, 3), (3, 3), (7, 60), (59, 60)])
def test_segments_of_epochs_are_epochs(batch_size, n_train):
    budget = checked_budget(batch_size, n_train, epochs=4, updates=None, records=None)
    assert_covers(budget, 4 * math.ceil(n_train / batch_size))
    segments = list(budget.segments())
    assert [segment.epoch for segment in segments] == [0, 1, 2, 3]
    assert all(segment.start == 0 and segment.record for segment in segments)


def assert_covers(budget, updates):
    n_train, sizes = budget.batch_sizes.n_train, budget.batch_sizes
    made, recorded = [], []
    for segment in budget.segments():
        full, rest = divmod(n_train, sizes.of(segment.epoch))
        batches = list(range(segment.start, segment.stop))
        assert all(batch < full for batch in batches)
        if segment.partial:
            assert rest
            batches.append(full)
        assert batches, "a segment without an update"
        begin = sum(math.ceil(n_train / sizes.of(epoch)) for epoch in range(segment.epoch))
        made += [begin + batch for batch in batches]
        if segment.record:
            recorded.append(len(made))
    assert made == list(range(updates))
    assert recorded == list(budget.records)
    assert recorded[-1] == updates == budget.updates
    assert budget.epochs_begun == segment.epoch + 1


@pytest.mark.parametrize("n_train", [2, 5, 12])
def test_segments_of_a_schedule_are_each_update_once_too(n_train):
    generator = np.random.default_rng(n_train)
    for _ in range(20):
        drawn = generator.integers(1, n_train + 1, size=8).tolist()
        total = sum(math.ceil(n_train / size) for size in drawn[:5])
        budget = checked_budget(drawn.__getitem__, n_train, epochs=5, updates=None, records=None)
        assert_covers(budget, total)
        assert budget.sizes().tolist() == drawn[:5]
        for updates in (1, total - 1, total, total + 1):
            places = sorted({1, max(updates // 2, 1), updates})
            budget = checked_budget(
                drawn.__getitem__, n_train, epochs=None, updates=max(updates, 1), records=places
            )
            assert_covers(budget, max(updates, 1))


# Samples and updates


def assert_counts(sizes, counted, ends):
    """Compare with the samples of each update, and the updates of each epoch, counted one by one.

    Parameters
    ----------
    counted : cumulative samples by each update
    ends : cumulative updates by each epoch
    """
    assert [sizes.samples_by(update) for update in range(len(counted) + 1)] == [0, *counted]
    wanted = np.arange(1, counted[-1] + 1)
    needed = np.searchsorted(counted, wanted) + 1
    assert [sizes.updates_for(int(samples)) for samples in wanted] == needed.tolist()
    assert [sizes.updates_by(epochs) for epochs in range(len(ends) + 1)] == [0, *ends]
    finished = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    assert [sizes.epochs_by(update) for update in range(ends[-1])] == finished.tolist()


@pytest.mark.parametrize("n_train", [1, 4, 7, 12])
def test_samples_and_updates_are_what_counting_gives(n_train):
    for batch_size in range(1, n_train + 1):
        counted = np.cumsum(sizes_of_updates(batch_size, n_train, 5 * n_train)).tolist()
        each = math.ceil(n_train / batch_size)
        ends = [each * epochs for epochs in range(1, 6)]
        assert_counts(BatchSizes(n_train, (batch_size,)), counted, ends)


@pytest.mark.parametrize("n_train", [1, 4, 7, 12])
def test_so_they_are_under_a_schedule(n_train):
    generator = np.random.default_rng(n_train)
    for _ in range(20):
        drawn = generator.integers(1, n_train + 1, size=6).tolist()
        epochs = [sizes_of_updates(size, n_train, math.ceil(n_train / size)) for size in drawn]
        counted = np.cumsum(list(itertools.chain(*epochs))).tolist()
        ends = np.cumsum([len(epoch) for epoch in epochs]).tolist()
        sizes = checked_batch_sizes(drawn.__getitem__, n_train, epochs=6)
        assert_counts(sizes, counted, ends)
        assert sizes.constant == (drawn[0] if len(set(drawn)) == 1 else None)


def test_a_schedule_is_asked_for_each_epoch_that_is_begun_and_no_other():
    asked = []

    def schedule(epoch):
        asked.append(epoch)
        return [3, 6, 2][epoch]

    sizes = checked_batch_sizes(schedule, 12, updates=7)
    assert asked == [0, 1, 2]
    assert sizes.sizes == (3, 6, 2)
    asked.clear()
    assert checked_batch_sizes(schedule, 12, updates=4).constant == 3
    assert asked == [0]


# Where records lie


@pytest.mark.parametrize("total", [1, 2, 7, 99, 100, 101, 12345])
def test_records_are_equally_far_apart(total):
    for count in {1, 2, 3, 10, 100, total, None}:
        if count is not None and count > total:
            continue
        places = np.array(spaced_records(count, total, "updates"))
        assert len(places) == (count or min(total, 100))
        assert places[-1] == total
        gaps = np.diff(places, prepend=0)
        assert gaps.min() >= 1
        assert np.ptp(gaps) <= 1


@pytest.mark.parametrize("total", [10**12, 10**18, 10**20])
def test_so_are_those_of_a_number_beyond_machine_integers(total):
    places = spaced_records(None, total, "updates")
    assert places == tuple(total // 100 * place for place in range(1, 101))


def test_the_end_is_always_recorded():
    assert spaced_records([3, 5], 9, "updates") == (3, 5, 9)
    assert spaced_records(np.array([3, 9]), 9, "updates") == (3, 9)
    assert spaced_records(range(2, 7, 2), 9, "updates") == (2, 4, 6, 9)


def test_a_huge_number_of_epochs_takes_no_memory():
    tracemalloc.start()
    budget = checked_budget(7, 60, epochs=10**12, updates=None, records=None)
    first = list(itertools.islice(budget.segments(), 3))
    assert budget.updates == 9 * 10**12
    assert budget.epochs_begun == 10**12
    assert [segment.epoch for segment in first] == [0, 1, 2]
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


# What `fit` records


@pytest.fixture(scope="module")
def by_epochs(small):
    """Epochs of 9 updates, the last of them on 4 samples instead of 7."""
    return bl.fit(bl.mlp, small, batch_size=7, epochs=5, replicates=3, keep_weights="epochs")


@pytest.fixture(scope="module")
def every_update(small):
    settings = {"batch_size": 7, "updates": 45, "replicates": 3, "keep_weights": "epochs"}
    return bl.fit(bl.mlp, small, records=45, **settings)


def test_records_at_the_ends_of_epochs_are_those_of_epochs(small, by_epochs):
    settings = {"batch_size": 7, "replicates": 3, "keep_weights": "epochs"}
    ends = [9, 18, 27, 36, 45]
    for given in (
        {"updates": 45, "records": ends},
        {"updates": 45, "records": 5},
        {"epochs": 5, "records": ends},
    ):
        history = bl.fit(bl.mlp, small, **given, **settings)
        for name in [*METRICS, "weights", "initial_weights", "epoch_weights"]:
            np.testing.assert_array_equal(history[name], by_epochs[name], err_msg=f"{given} {name}")
        assert history["epoch"].to_numpy().tolist() == [1, 2, 3, 4, 5]
        assert history["update"].to_numpy().tolist() == ends
        assert history["val_loss"].dims == ("replicate", "update")


@pytest.mark.parametrize(
    "records", [[1, 2, 3, 31], [5, 23, 44], 1, 7, None, [8, 9, 10, 17, 18, 19, 26]]
)
def test_a_record_changes_no_later_number(small, every_update, records):
    history = bl.fit(bl.mlp, small, batch_size=7, updates=45, records=records, replicates=3)
    places = history["update"].to_numpy()
    assert places[-1] == 45
    after_each = every_update.sel(update=places)
    for name in METRICS[2:]:
        np.testing.assert_array_equal(history[name], after_each[name], err_msg=name)
    np.testing.assert_array_equal(history["weights"], every_update["weights"])
    # The other two are means over the samples since the record before.
    sizes = sizes_of_updates(7, 60, 45)
    for name in METRICS[:2]:
        for begin, end, mean in zip([0, *places[:-1]], places, history[name].T, strict=True):
            each = every_update[name][:, begin:end]
            expected = np.average(each, axis=1, weights=sizes[begin:end])
            np.testing.assert_allclose(mean, expected, rtol=1e-12, err_msg=f"{name} at {end}")


def test_coordinates_say_what_was_spent(every_update):
    counted = np.cumsum(sizes_of_updates(7, 60, 45))
    assert every_update["update"].to_numpy().tolist() == list(range(1, 46))
    assert every_update["sample"].to_numpy().tolist() == counted.tolist()
    np.testing.assert_array_equal(every_update["epoch"], counted / 60)
    assert every_update.attrs["updates"] == 45
    assert every_update.attrs["updates_per_epoch"] == 9
    assert "epochs" not in every_update.attrs


@pytest.mark.parametrize(
    ("batch_size", "updates", "records"),
    [
        (16, 11, [1, 2, 5, 9]),  # 4 to an epoch, the last on 12 samples; ends within the third
        (16, 3, 1),
        (59, 3, [1]),  # a last batch of one sample
        (1, 62, [59, 61]),
    ],
)
def test_an_unfinished_epoch_is_that_of_keras(small, batch_size, updates, records):
    history = bl.fit(bl.mlp, small, batch_size=batch_size, updates=updates, records=records)
    expected, model = keras_updates(small, batch_size, history["update"].to_numpy())
    for column, name in enumerate(METRICS):
        np.testing.assert_allclose(
            history[name][0], expected[:, column], rtol=1e-9, atol=1e-15, err_msg=name
        )
    trained = bl.trained_model(bl.mlp, small, history)
    for ours, theirs in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


def keras_updates(problem, batch_size, places):
    """Return what Keras makes of the same updates, one `fit` for each, and the trained model."""
    with floatx("float64"):
        keras.utils.set_random_seed(0)
        model = bl.mlp(problem)
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        orders = bl.shuffle_orders(problem.n_train, 9, seed=0, replicate=0)
        batches = [
            order[start : start + batch_size]
            for order in orders
            for start in range(0, problem.n_train, batch_size)
        ]
        rows, since = [], []
        for made, batch in enumerate(batches[: places[-1]], start=1):
            x, y = problem.x_train[batch], problem.y_train[batch]
            seen = model.fit(x, y, batch_size=len(batch), shuffle=False, verbose=0).history
            since.append((seen["loss"][0], seen["accuracy"][0], len(batch)))
            if made in places:
                *columns, weights = np.transpose(since)
                means = [np.average(column, weights=weights) for column in columns]
                test = model.evaluate(problem.x_test, problem.y_test, verbose=0)
                train = model.evaluate(problem.x_train, problem.y_train, verbose=0)
                rows.append([*means, *test, *train])
                since = []
    return np.array(rows), model


def test_pieces_change_no_record(small, every_update, monkeypatch):
    monkeypatch.setattr("batchlab.engine.groups.SECONDS_A_PIECE", 1e-9)
    settings = {"batch_size": 7, "updates": 45, "replicates": 3}
    for records in (45, [4, 9, 11, 30]):
        history = bl.fit(bl.mlp, small, records=records, **settings)
        places = history["update"].to_numpy()
        for name in METRICS[2:]:
            np.testing.assert_array_equal(history[name], every_update[name].sel(update=places))


def test_many_records_within_one_epoch(small):
    """More than a program takes in one call."""
    history = bl.fit(bl.mlp, small, batch_size=1, updates=200, records=200, replicates=2)
    few = bl.fit(bl.mlp, small, batch_size=1, updates=200, records=[70, 150], replicates=2)
    assert history.sizes["update"] == 200
    for name in METRICS[2:]:
        np.testing.assert_array_equal(history[name].sel(update=few["update"]), few[name])
