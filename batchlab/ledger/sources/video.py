"""The video's claims: three runs on 800 samples whose distribution is not published."""

from functools import partial

from batchlab.ledger.evidence import best_setting, measures
from batchlab.ledger.rules import MUCH, POINT, Above, Below, Exactly, Near, Published
from batchlab.ledger.sources.claim import Claim, Part, seconds_ratio

SOURCE = "video"
_NO_DATA = "the video's data are not published, and on data that fit the text it comes out each way"

CLAIMS = (
    Claim(
        1,
        SOURCE,
        "Batch size 1 on 800 samples makes 800 updates an epoch.",
        (Part("updates", "counted", partial(measures.at, name="single"), Exactly(800)),),
    ),
    Claim(
        2,
        SOURCE,
        "The run at batch size 1 takes 202 seconds (18.5 times that at 32).",
        (
            Part(
                "seconds of an epoch at batch size 1 by those at 32",
                "seconds",
                seconds_ratio([1], [32]),
                Published(18.5, decimals=1, unit=" times"),
            ),
        ),
        figure="seconds",
        why=(
            "Most of an update's time in `fit` is the interpreter's, and how much that is "
            "differs from version to version and machine to machine; the arithmetic of one "
            "sample or of many is a small part of it. What another version has saved per "
            "update, it has saved at batch size 1 most often."
        ),
    ),
    Claim(
        3,
        SOURCE,
        "Batch size 1 ends with an accuracy in the high eighties (of 100).",
        (
            Part(
                "final test accuracy of batch size 1",
                "video",
                partial(measures.final, batch_size=1),
                Published(0.85, 0.9, decimals=2),
            ),
        ),
        unpublished=_NO_DATA,
    ),
    Claim(
        4,
        SOURCE,
        "Run again, batch size 1 can end much better or much worse.",
        (
            Part(
                "difference between two runs' final test accuracies, by a point",
                "video",
                partial(measures.between_runs, unit=POINT, batch_size=1),
                Above(MUCH),
            ),
        ),
        unpublished=_NO_DATA,
    ),
    Claim(
        5,
        SOURCE,
        "The loss at batch size 1 is very noisy.",
        (
            Part(
                "unrest of the training loss at batch size 1 by that at 32",
                "video",
                partial(measures.rougher, of={"batch_size": 1}, than={"batch_size": 32}),
                Above(MUCH),
            ),
        ),
        unpublished=_NO_DATA,
    ),
    Claim(
        6,
        SOURCE,
        "That noise comes from updating on every single sample.",
        (
            Part(
                "the same ratio, at rate 0.01",
                "tutorial",
                partial(measures.rougher, of={"batch_size": 1}, than={"batch_size": 32}),
                Above(1),
            ),
            Part(
                "the same ratio, at rate 0.001",
                "small rate",
                partial(measures.rougher, of={"batch_size": 1}, than={"batch_size": 32}),
                Above(1),
            ),
        ),
    ),
    Claim(
        7,
        SOURCE,
        "Full batch makes one update an epoch.",
        (Part("updates", "counted", partial(measures.at, name="full"), Exactly(1)),),
    ),
    Claim(
        8,
        SOURCE,
        "Full batch takes 4.58 seconds, 44 times less than batch size 1.",
        (
            Part(
                "seconds of an epoch at batch size 1 by those of full batch",
                "seconds",
                seconds_ratio([1], [800]),
                Published(44, decimals=0, unit=" times"),
            ),
        ),
        figure="seconds",
        why=(
            "An epoch of full batch is one update, but also the setting up of an epoch and "
            "the validation, which all batch sizes pay alike. The ratio says how the "
            "version's cost of an update compares with its cost of an epoch, not what the "
            "batch size does."
        ),
    ),
    Claim(
        9,
        SOURCE,
        "The full-batch curve has no noise at all.",
        (
            Part(
                "largest distance of a training loss from that of another order",
                "orders",
                partial(measures.apart, batch_size=500),
                Near(0, 1e-6),
            ),
            Part(
                "epochs after which the training loss was higher than before",
                "video",
                partial(measures.rises, batch_size=800),
                Exactly(0),
            ),
        ),
        figure="minima",
        why=(
            "The order of the samples makes no difference to a full batch, which is the noise "
            "that minibatches have; that part holds. But the curve is not smooth: with "
            "momentum the steps overshoot, and the loss rises from one epoch to the next "
            "again and again, always at the same epochs for the same initial weights."
        ),
    ),
    Claim(
        10,
        SOURCE,
        "Full batch reaches 93 to 94 of 100.",
        (
            Part(
                "final test accuracy of full batch",
                "video",
                partial(measures.final, batch_size=800),
                Published(0.93, 0.94, decimals=2),
            ),
        ),
        unpublished=_NO_DATA,
    ),
    Claim(
        11,
        SOURCE,
        "Without noise, training gets stuck in local minima.",
        (
            Part(
                "training loss of full batch less that of 32 after as many updates",
                "equal updates",
                partial(
                    measures.ahead,
                    of={"batch_size": 800},
                    than={"batch_size": 32},
                    metric="train_loss",
                ),
                Above(0),
            ),
        ),
        figure="minima",
        why=(
            "After as many updates the full batch has the lower training loss, not the higher "
            "one. What looks like being stuck, after as many epochs, is that it has made "
            "fewer updates: it is on its way, not at its end."
        ),
    ),
    Claim(
        12,
        SOURCE,
        "Full batch needs a lot of memory.",
        (
            Part(
                "bytes of a full batch by those of the process without it",
                "memory",
                measures.of_process,
                Above(1),
            ),
        ),
        figure="memory",
        why=(
            "What grows with the batch is its samples and the outputs of the layers, and for "
            "points in the plane that is nothing beside the program itself. For images it is "
            "everything."
        ),
    ),
    Claim(
        13,
        SOURCE,
        "Batch size 32 on 800 samples makes 25 updates an epoch.",
        (Part("updates", "counted", partial(measures.at, name="minibatch"), Exactly(25)),),
    ),
    Claim(
        14,
        SOURCE,
        "The run at batch size 32 takes 10.9 seconds (2.4 times that of full batch).",
        (
            Part(
                "seconds of an epoch at batch size 32 by those of full batch",
                "seconds",
                seconds_ratio([32], [800]),
                Published(2.4, decimals=1, unit=" times"),
            ),
        ),
        figure="seconds",
        why=(
            "25 updates cost about what one epoch's setting up and validation cost, so that "
            "the ratio is small, and whichever of the two a version makes cheaper moves it."
        ),
    ),
    Claim(
        15,
        SOURCE,
        "Batch size 32 has the best accuracy, and a smooth curve.",
        (
            Part(
                "final test accuracy of 32 less that of full batch",
                "video",
                partial(measures.ahead, of={"batch_size": 32}, than={"batch_size": 800}),
                Above(0, matters=POINT),
            ),
            Part(
                "final test accuracy of 32 less that of 1",
                "video",
                partial(measures.ahead, of={"batch_size": 32}, than={"batch_size": 1}),
                Above(0, matters=POINT),
            ),
            Part(
                "unrest of the training loss at 32 by that at 1",
                "video",
                partial(measures.rougher, of={"batch_size": 32}, than={"batch_size": 1}),
                Below(1 / MUCH),
            ),
        ),
        unpublished=_NO_DATA,
    ),
    Claim(
        16,
        SOURCE,
        "Smaller batches are better, and 32 is a great default.",
        (
            Part(
                "change of the final test accuracy from 2 to full batch, by its slope",
                "problems",
                partial(best_setting.change_over, batch_sizes=[2, 4, 8, 32, 128, 512]),
                Below(0, matters=POINT),
            ),
            Part(
                "final test accuracy of 32 less that of the best batch size",
                "problems",
                partial(best_setting.lead, of=32, over=[1, 2, 4, 8, 32, 128, 512]),
                Above(-POINT),
            ),
        ),
        figure="problems",
        why=(
            "Whether smaller is better turns on the rate. At a rate that all batch sizes "
            "share, and as many epochs, small batches win by making more updates; with the "
            "rate tuned for each the order is gone on moons, turned round on clean blobs, and "
            "left on digits. And 32 is within a point of the best on some problems and not on "
            "others."
        ),
    ),
)
