"""The survey's claims, which quote an experiment on images of digits (MNIST)."""

from functools import partial

from batchlab.ledger.evidence import best_setting, measures, weight_measures
from batchlab.ledger.rules import POINT, Above, Below, Near, Published
from batchlab.ledger.sources.claim import Claim, Part

SOURCE = "survey"

CLAIMS = (
    Claim(
        42,
        SOURCE,
        "Gradients are larger after 2 epochs than after 30.",
        (
            Part(
                "norm of the gradient after 2 epochs less that after 30",
                "gradients",
                weight_measures.gradient_shrinks,
                Above(0),
            ),
        ),
    ),
    Claim(
        43,
        SOURCE,
        "The mean norm of the gradient grows with the batch size.",
        (
            Part(
                "power of the batch size with which the norm grows",
                "gradients",
                weight_measures.norm_trend,
                Above(0),
            ),
        ),
        figure="gradients",
        why=(
            "Averaged over the batch, as every framework does it, the norm falls: noise "
            "averages out. It grows if the gradients are summed, or if each batch size is "
            "looked at where it has got to after as many early epochs: a large batch has made "
            "fewer updates and is still where the loss is steep."
        ),
    ),
    Claim(
        44,
        SOURCE,
        "The squared norm of the gradient is linear in the batch size.",
        (
            Part(
                "power of the batch size with which the squared norm grows",
                "gradients",
                weight_measures.squared_norm_trend,
                Near(1, 0.1),
            ),
        ),
        figure="gradients",
        why=(
            "Only of the summed gradient, and only while the batch is small against the noise "
            "scale: there noise dominates, whose square grows like the batch. Beyond it the "
            "signal dominates, whose square grows like the batch squared. The averaged "
            "gradient's falls."
        ),
    ),
    Claim(
        45,
        SOURCE,
        "For the same samples larger batches move further from the start.",
        (
            Part(
                "power of the batch size with which the distance grows",
                "distances",
                weight_measures.distance_trend,
                Above(0),
            ),
        ),
        figure="distance",
        why=(
            "The larger the batch, the fewer updates in as many samples, and each of them is "
            "of about the same length at a rate that all share: so larger batches move less "
            "far. A larger rate makes up for it, see claim 47."
        ),
    ),
    Claim(
        46,
        SOURCE,
        "The best solutions lie about 6 from the start, where batch size 1,024 cannot get.",
        (
            Part(
                "distance of the batch size that ends best",
                "distances",
                weight_measures.distance_of_the_best,
                Published(6, decimals=0),
            ),
            Part(
                "distance of 1,024 less that of the best",
                "distances",
                weight_measures.distance_to_the_best,
                Below(0),
            ),
        ),
    ),
    Claim(
        47,
        SOURCE,
        "A learning rate of 0.1 lets it get there.",
        (
            Part(
                "distance of 1,024 at rate 0.1 less that of the best",
                "distances",
                partial(weight_measures.distance_to_the_best, learning_rate=0.1),
                Above(0),
            ),
        ),
    ),
    Claim(
        48,
        SOURCE,
        "Full batch converges to the global optimum of a convex function.",
        (
            Part(
                "training loss above the least possible, full batch",
                "convex",
                partial(measures.at, name="excess"),
                Near(0, 1e-3),
            ),
        ),
        figure="convex",
        why=(
            "A convex loss has no other minima, but a step that is too long leaves its only "
            "one: with this momentum, rates above a limit that the largest curvature sets do "
            "not converge."
        ),
    ),
    Claim(
        49,
        SOURCE,
        "The best batch size lies between 1 and the whole set.",
        (
            Part(
                "final test accuracy of the best between less that of the better of 1 and full",
                "problems",
                partial(best_setting.lead, of=[2, 4, 8, 32, 128], over=[1, 512]),
                Above(0, matters=POINT),
            ),
        ),
        figure="problems",
        why=(
            "At a shared rate the best batch size lies in between on most problems: 1 does "
            "not settle and full batch has not got far. With the rate re-tuned for each, one "
            "of the two ends is as good as anything in between on nearly all of them."
        ),
    ),
    Claim(
        50,
        SOURCE,
        "For a fixed number of epochs larger batches take fewer updates.",
        (
            Part(
                "updates of an epoch less those of the next smaller panel",
                "panels",
                measures.fewer_updates,
                Below(0),
            ),
        ),
        figure="updates",
        why=(
            "Of two sizes that both need two updates for the whole set the larger has no "
            "fewer: 256 and 450 on 500 samples. What counts is the number of batches, rounded "
            "up."
        ),
    ),
    Claim(
        51,
        SOURCE,
        "Too large a batch generalizes poorly.",
        (
            Part(
                "final test accuracy of the best below less that of full batch",
                "problems",
                partial(best_setting.lead, of=[1, 2, 4, 8, 32, 128], over=512),
                Above(POINT),
            ),
        ),
        figure="problems",
        why=(
            "At a shared rate full batch is behind on every problem, since it has made the "
            "fewest updates. With the rate re-tuned it is clearly behind only on digits and "
            "on blobs with wrong labels. How large is too large depends on the problem, see "
            "notebook 08."
        ),
    ),
    Claim(
        52,
        SOURCE,
        "Batch size 1 usually works quite poorly.",
        (
            Part(
                "final test accuracy of the best above less that of 1",
                "problems",
                partial(best_setting.lead, of=[2, 4, 8, 32, 128, 512], over=1),
                Above(POINT),
            ),
        ),
        figure="problems",
        why=(
            "At a rate that suits larger batches it does. With a rate of its own it is behind "
            "by a point only where the classes overlap."
        ),
    ),
)
