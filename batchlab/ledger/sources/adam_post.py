"""The Adam post's claims: the tutorial's panels with another optimizer."""

from functools import partial

from batchlab.ledger.evidence import best_setting, measures
from batchlab.ledger.rules import MUCH, POINT, Above, Exactly
from batchlab.ledger.sources.claim import Claim, Part, seconds_ratio, stable_at

SOURCE = "Adam post"

CLAIMS = (
    Claim(
        36,
        SOURCE,
        "5,000 samples at batch size 32 are 157 updates an epoch.",
        (Part("updates", "counted", partial(measures.at, name="of_5000"), Exactly(157)),),
    ),
    Claim(
        37,
        SOURCE,
        "Batch size 512 makes two updates an epoch.",
        (
            Part(
                "updates on its 500 training samples",
                "counted",
                partial(measures.at, name="larger_than_data"),
                Exactly(2),
            ),
        ),
        figure="updates",
        why=(
            "A batch cannot hold more samples than there are. On the post's 500 training "
            "samples 512 is the full batch, one update; two would take between 513 and 1,024 "
            "samples. Keras cuts the batch without a word."
        ),
    ),
    Claim(
        38,
        SOURCE,
        "4 and 8 are stable after about 30 epochs, 64 and more after about 50.",
        (stable_at(30, 4), stable_at(30, 8), *(stable_at(50, size) for size in (64, 500))),
        figure="epochs",
        why=(
            "4 and 8 are stable when the post says they are. 64 and more take longer than it "
            "says: their accuracy still creeps when the eye has called it flat."
        ),
    ),
    Claim(
        39,
        SOURCE,
        "4 and 8 take long, 64 and more are very fast.",
        (
            Part(
                "seconds of an epoch at 4 and 8 by those at 64 and full batch",
                "seconds",
                seconds_ratio([4, 8], [64, 500], source="adam"),
                Above(MUCH),
            ),
        ),
    ),
    Claim(
        40,
        SOURCE,
        "Quality degrades significantly at 512, 1,000 and 2,000.",
        (
            Part(
                "final test accuracy of 32 less that of the large batch",
                "large batches",
                best_setting.lead_of_32,
                Above(POINT),
            ),
        ),
        figure="problems",
        why=(
            "Degradation at large batches is what is left when neither the rate nor the "
            "epochs are raised with the batch. Tuned anew, on blobs, nothing is left of it "
            "that matters."
        ),
    ),
    Claim(
        41,
        SOURCE,
        "The possible batch size depends on the hardware; 64 images of 512 x 512 fill 4 GB.",
        (
            Part(
                "largest batch of such images (8 filters) in 8 GB by that in 4 GB",
                "memory",
                measures.of_twice_the_memory,
                Above(1),
            ),
            Part("bytes of 64 images by 4 GB", "memory", measures.of_four_gigabytes, Above(1)),
        ),
        figure="memory",
        why=(
            "The images alone are far from filling 4 GB, in bytes as in floats. What fills it "
            "is what the network keeps for the backward pass: a first layer of 64 filters "
            "does, one of 8 does not."
        ),
    ),
)
