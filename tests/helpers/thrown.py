"""How many random examples are thrown, and how."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("BATCHLAB_EXAMPLES", 0))
thrown = settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,  # the same in each run, so that nobody's change fails by chance
    database=None,
    deadline=None,  # the first of each shape is compiled
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
