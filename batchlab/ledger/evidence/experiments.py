"""The experiments that decide the claims, by name."""

from batchlab.ledger.evidence import seconds_and_bytes, trainings, weights
from batchlab.ledger.evidence.laboratory import Experiment

_TUTORIALS = "the tutorial's problem and model (500 training samples, SGD with momentum 0.9)"
_SURVEYS = "blobs with 4,096 training samples, SGD at rate 0.01 with momentum 0.9"
_VIDEOS = "800 training samples of blobs of three overlaps, 32 units, SGD at rate 0.01"

EXPERIMENTS = {
    "tutorial": Experiment(
        f"{_TUTORIALS}, rate 0.01, 200 epochs, {{replicates}} replicates",
        trainings.tutorial,
        kept=False,
    ),
    "small rate": Experiment(
        f"{_TUTORIALS}, rate 0.001, 200 epochs, {{replicates}} replicates",
        trainings.tutorial_small_rate,
        kept=False,
    ),
    "panels": Experiment(
        f"{_TUTORIALS}, rate 0.01, 200 epochs, batch sizes 4 to 450, {{replicates}} replicates",
        trainings.panels,
        kept=False,
    ),
    "both rates": Experiment(
        f"{_TUTORIALS}, rates 0.001 and 0.01, 200 epochs, {{replicates}} replicates",
        trainings.single_and_full,
        kept=False,
    ),
    "Adam": Experiment(
        "the tutorial's problem and model, Adam at rate 0.001, 100 epochs, {replicates} replicates",
        trainings.adam_post,
        kept=False,
    ),
    "video": Experiment(
        f"{_VIDEOS}, 100 epochs, {{replicates}} replicates", trainings.video, kept=False
    ),
    "equal updates": Experiment(
        f"{_VIDEOS}, 1,600 updates, {{few}} replicates", trainings.equal_updates, kept=False
    ),
    "orders": Experiment(
        f"{_TUTORIALS}, 200 epochs, the same weights in {{few}} orders",
        trainings.orders,
        kept=False,
    ),
    "problems": Experiment(
        "seven problems with 512 training samples, SGD with momentum 0.9 at 3 or 4 rates each, "
        "60 epochs (digits 16), {some} replicates",
        trainings.several_problems,
    ),
    "rates": Experiment(
        "blobs with 1,024 training samples, SGD with momentum 0.9 at 10 rates, 20 epochs, or 200 "
        "updates, {some} replicates",
        trainings.rates_grid,
    ),
    "large batches": Experiment(
        "blobs and digits with 4,096 and 1,280 training samples, Adam at 3 rates, 30 epochs, "
        "{some} replicates",
        trainings.large_batches,
    ),
    "convex": Experiment(
        "softmax regression on the tutorial's problem, SGD with momentum 0.9, 5,000 updates "
        "of the full batch, {few} replicates",
        trainings.convex,
    ),
    "gradients": Experiment(
        f"{_SURVEYS}, after 2 and after 30 epochs, {{replicates}} replicates", weights.gradients
    ),
    "distances": Experiment(
        f"{_SURVEYS}, 30 epochs, or 120 updates, {{replicates}} replicates", weights.distances
    ),
    "counted": Experiment("Keras's own fit, one epoch, counted", seconds_and_bytes.counts),
    "seconds": Experiment(
        "Keras's own fit, epochs in turn, {rounds} rounds, in one process",
        seconds_and_bytes.seconds,
        machine=True,
    ),
    "memory": Experiment(
        "bytes of three updates by Keras in a process of its own, computed and measured",
        seconds_and_bytes.memory,
        machine=True,
    ),
}
