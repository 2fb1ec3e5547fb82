"""What goes on in training, from the weights that `fit` and `sweep` keep when asked.

All are pure functions of a model's weights, over every replicate and record at once: the norms of
gradients and the noise scale, exactly and by experiment, the distance from the start, sharpness,
the loss between two solutions, predictions.
"""

from batchlab.dynamics.boundaries import decision_boundaries as decision_boundaries
from batchlab.dynamics.geometry import distance_from_start as distance_from_start
from batchlab.dynamics.geometry import sharpness as sharpness
from batchlab.dynamics.loss_lines import loss_between as loss_between
from batchlab.dynamics.noise import gradient_noise as gradient_noise
from batchlab.dynamics.noise import minibatch_norms as minibatch_norms
from batchlab.dynamics.outputs import predictions as predictions
from batchlab.dynamics.sampled_noise import estimate_noise as estimate_noise
from batchlab.dynamics.sampled_noise import sampled_norms as sampled_norms
