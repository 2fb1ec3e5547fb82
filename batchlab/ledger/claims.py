"""The ledger's claims: what each source says, what decides it, and by which rule.

`CLAIMS` are all 52, in the order of their ids. Each is data: what is claimed, the quantities that
decide it with the function that takes each from an experiment's result, and the rule, written down
before the result. They stand in `batchlab.ledger.sources`, a module for each text.
"""

from collections.abc import Sequence

from batchlab.foundation.checks import shown, whole_number
from batchlab.ledger.sources import adam_post, survey, tutorial, video
from batchlab.ledger.sources.claim import Claim as Claim
from batchlab.ledger.sources.claim import Part as Part

SOURCES = video.SOURCE, tutorial.SOURCE, adam_post.SOURCE, survey.SOURCE

CLAIMS = (*video.CLAIMS, *tutorial.CLAIMS, *adam_post.CLAIMS, *survey.CLAIMS)


def choose_claims(ids: Sequence[int] = ()) -> tuple[Claim, ...]:
    """Return some of the claims, in their order.

    Parameters
    ----------
    ids : sequence of int
        From 1 to 52; none is all of them.

    Returns
    -------
    tuple of Claim

    Raises
    ------
    TypeError, ValueError
        If an id is not the number of a claim.

    Examples
    --------
    >>> import batchlab as bl
    >>> [claim.source for claim in bl.choose_claims([45, 17])]
    ['tutorial', 'survey']
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise TypeError(f"claims: expected a list of ids such as [16, 31], received {shown(ids)}.")
    known = {whole_number("claims", one, minimum=1, maximum=len(CLAIMS)) for one in ids}
    return tuple(claim for claim in CLAIMS if claim.id in known or not known)
