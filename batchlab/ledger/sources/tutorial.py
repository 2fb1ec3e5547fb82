"""The tutorial's claims: full batch, 1, 32, and eight panels on 500 samples."""

from functools import partial

from batchlab.ledger.evidence import best_setting, measures
from batchlab.ledger.rules import MUCH, POINT, Above, Below, Exactly, Near, Published
from batchlab.ledger.sources.claim import Claim, Part, accuracies, seconds_ratio

SOURCE = "tutorial"

CLAIMS = (
    Claim(
        17,
        SOURCE,
        "Full batch ends at 0.816 on training and 0.830 on test samples.",
        accuracies("tutorial", 0.816, 0.830, batch_size=500),
    ),
    Claim(
        18,
        SOURCE,
        "Full batch needs about 100 epochs.",
        (
            Part(
                "epoch from which the test accuracy stays within a point of where it ends",
                "tutorial",
                partial(measures.stable_from, batch_size=500),
                Published(100, decimals=-1),
            ),
        ),
    ),
    Claim(
        19,
        SOURCE,
        "Batch size 1 at rate 0.01 ends at 0.612 and 0.606, about 20 points below full batch.",
        (
            *accuracies("tutorial", 0.612, 0.606, batch_size=1),
            Part(
                "final test accuracy of full batch less that of 1",
                "tutorial",
                partial(measures.ahead, of={"batch_size": 500}, than={"batch_size": 1}),
                Published(0.2, decimals=1),
            ),
        ),
    ),
    Claim(
        20,
        SOURCE,
        "Batch size 1 at rate 0.001 ends at 0.816 and 0.824, on a par with full batch.",
        (
            *accuracies("small rate", 0.816, 0.824, batch_size=1),
            Part(
                "final test accuracy of 1 at rate 0.001 less that of full batch at 0.01",
                "both rates",
                partial(measures.ahead, of={"run": "single"}, than={"run": "full"}),
                Near(0, POINT),
            ),
        ),
        figure="problems",
        why=(
            "Both published accuracies lie among the replicates. That they are on a par does "
            "not follow: the mean of many replicates tells the two apart by more than a "
            "point, which two single runs on 500 test samples cannot."
        ),
    ),
    Claim(
        21,
        SOURCE,
        "That run passes 0.80 within 25 epochs and could stop after 50.",
        (
            Part(
                "epoch after which the test accuracy is first at 0.80",
                "small rate",
                partial(measures.first_at, target=0.8, batch_size=1),
                Below(25),
            ),
            Part(
                "final test accuracy less that after 50 epochs",
                "small rate",
                partial(measures.gained_after, epoch=50, batch_size=1),
                Near(0, POINT),
            ),
        ),
        figure="epochs",
        why=(
            "It passes 0.80 much sooner than said. Whether it could stop at 50 is on the "
            "edge: the mean after 50 epochs is not lower but, if anything, higher than at the "
            "end."
        ),
    ),
    Claim(
        22,
        SOURCE,
        "25 epochs at batch size 1 are 12,500 updates, over 10 times the 100 of full batch.",
        (
            Part(
                "updates of 25 epochs",
                "counted",
                partial(measures.at, name="tutorial_single", times=25),
                Exactly(12_500),
            ),
            Part(
                "by those of 100 epochs of full batch",
                "counted",
                partial(measures.per, of="tutorial_single", than="tutorial_full", times=0.25),
                Above(10),
            ),
        ),
    ),
    Claim(
        23,
        SOURCE,
        "Batch size 32 ends at 0.832 on training and 0.812 on test samples.",
        accuracies("tutorial", 0.832, 0.812, batch_size=32),
    ),
    Claim(
        24,
        SOURCE,
        "Batch size 32 is steadier at the end than batch size 1.",
        (
            Part(
                "unrest of the test accuracy at 32 by that at 1, at rate 0.001",
                "small rate",
                partial(
                    measures.rougher,
                    of={"batch_size": 32},
                    than={"batch_size": 1},
                    metric="val_accuracy",
                ),
                Below(1),
            ),
            Part(
                "the same at rate 0.01",
                "tutorial",
                partial(
                    measures.rougher,
                    of={"batch_size": 32},
                    than={"batch_size": 1},
                    metric="val_accuracy",
                ),
                Below(1),
            ),
        ),
        figure="problems",
        why=(
            "At the rate at which batch size 1 does not settle, 32 is steadier by far. At a "
            "tenth of that rate, the rate of the run that the tutorial recommends, the two "
            "cannot be told apart."
        ),
    ),
    Claim(
        25,
        SOURCE,
        "Small batches learn fast and vary much; large ones learn slowly and vary little.",
        (
            Part(
                "power of the batch size with which the epochs to 0.80 grow, panels 4 to 450",
                "panels",
                partial(measures.trend_of_speed, target=0.8),
                Above(0),
            ),
            Part(
                "change of the test accuracy's unrest with each doubling",
                "panels",
                measures.trend_of_roughness,
                Below(0),
            ),
        ),
    ),
    Claim(
        26,
        SOURCE,
        "Noisier updates need a smaller learning rate.",
        (
            Part(
                "power of the batch size with which the best rate grows",
                "rates",
                best_setting.rate_trend,
                Above(0),
            ),
        ),
    ),
    Claim(
        27,
        SOURCE,
        "An epoch of full batch is the fastest.",
        (
            Part(
                "seconds of an epoch at 32 by those of full batch",
                "seconds",
                seconds_ratio([32], [800]),
                Above(1),
            ),
            Part("the same at 1", "seconds", seconds_ratio([1], [800]), Above(1)),
        ),
    ),
    Claim(
        28,
        SOURCE,
        "Batch size 1 slows training dramatically.",
        (
            Part(
                "seconds of an epoch at 1 by those at 32",
                "seconds",
                seconds_ratio([1], [32]),
                Above(MUCH),
            ),
        ),
    ),
    Claim(
        29,
        SOURCE,
        "Test accuracy stays slightly above training accuracy for full batch, and only there.",
        (
            Part(
                "final test accuracy less training accuracy, full batch",
                "tutorial",
                partial(measures.above_training, batch_size=500),
                Above(0),
            ),
            Part(
                "the same, batch size 32",
                "tutorial",
                partial(measures.above_training, batch_size=32),
                Below(0),
            ),
            Part(
                "the same, batch size 1 at rate 0.001",
                "small rate",
                partial(measures.above_training, batch_size=1),
                Below(0),
            ),
        ),
    ),
    Claim(
        30,
        SOURCE,
        "The classes are not linearly separable.",
        (
            Part(
                "whether planes separate the training samples (1 yes, 0 no)",
                "counted",
                partial(measures.at, name="separable"),
                Exactly(0),
            ),
        ),
    ),
    Claim(
        31,
        SOURCE,
        "Small batches generalize better: they regularize.",
        (
            Part(
                "final test accuracy of batch size 8 less that of full batch",
                "problems",
                partial(best_setting.lead, of=8, over=512),
                Above(0, matters=POINT),
            ),
        ),
        figure="problems",
        why=(
            "At a rate that all share the full batch is behind on nearly all problems, since "
            "it has made the fewest updates. With the rate re-tuned the advantage is gone or "
            "turned round on clean blobs, where the full batch generalizes as well or better, "
            "and remains on the others, smaller."
        ),
    ),
    Claim(
        32,
        SOURCE,
        "Small batches fit into memory more easily.",
        (
            Part(
                "bytes of a full batch by those of batch size 32",
                "memory",
                measures.of_small_batch,
                Above(1),
            ),
        ),
    ),
    Claim(
        33,
        SOURCE,
        "The best results come at 32 or less, often at 2 or 4.",
        (
            Part(
                "final test accuracy of the best up to 32 less that of the best above",
                "problems",
                partial(best_setting.lead, of=[1, 2, 4, 8, 32], over=[128, 512]),
                Above(0, matters=POINT),
            ),
            Part(
                "final test accuracy of the best of 2 and 4 less that of the best of the others",
                "problems",
                partial(best_setting.lead, of=[2, 4], over=[1, 8, 32, 128, 512]),
                Above(0, matters=POINT),
            ),
        ),
        figure="problems",
        why=(
            "The best batch size is 32 or less on some problems. That it is 2 or 4 rather "
            "than the others is not so on any of them: between neighbours there is no "
            "difference to be detected, or the larger is better."
        ),
    ),
    Claim(
        34,
        SOURCE,
        "The panels' y-axes would not differ (from the comments).",
        (
            Part(
                "range of accuracies of the tallest panel by that of the flattest",
                "panels",
                measures.span_ratio,
                Near(1, 0.1),
            ),
        ),
        figure="axes",
        why=(
            "Each panel that scales its axis to its own curves hides what it should show: the "
            "range of accuracies differs by a multiple, since large batches start low and "
            "rise slowly, and small ones are at their height after one epoch."
        ),
    ),
    Claim(
        35,
        SOURCE,
        "`steps_per_epoch` sets the number of batches of an epoch (from the comments).",
        (
            Part(
                "updates with 5 steps of 16 possible",
                "counted",
                partial(measures.at, name="few_steps"),
                Exactly(5),
            ),
            Part(
                "updates with 50 steps of 16 possible",
                "counted",
                partial(measures.at, name="many_steps"),
                Exactly(50),
            ),
        ),
        figure="updates",
        why=(
            "It can cut an epoch short. It cannot make it longer: when the samples run out, "
            "so does the epoch, with a warning."
        ),
    ),
)
