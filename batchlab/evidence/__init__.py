"""What the claims are decided by: experiments, and what is measured on them."""

from batchlab.evidence.experiments import EXPERIMENTS as EXPERIMENTS
from batchlab.evidence.laboratory import Laboratory as Laboratory
