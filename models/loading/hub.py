"""Whether the hub can be asked, found out once and at once."""

from __future__ import annotations

import os

import huggingface_hub


def hub_is_away() -> bool:
    """True where the user has said that this machine is offline, and where the hub does not answer.

    Then the libraries are told too: for each file that is not in the cache they would try for half
    a minute, and a model has several that need not be there.
    """
    constants = huggingface_hub.constants
    if not constants.HF_HUB_OFFLINE and not _responds(constants.ENDPOINT):
        # The library has read the environment when it was imported: for this process only its own
        # constant counts.
        constants.HF_HUB_OFFLINE = True
        os.environ["HF_HUB_OFFLINE"] = "1"  # for processes that this one starts
    return bool(constants.HF_HUB_OFFLINE)


def _responds(address: str) -> bool:
    """Whatever it says: a refusal is an answer too."""
    try:
        huggingface_hub.get_session().head(address, timeout=10.0)
    except Exception:  # of the network, the proxy and the client come dozens of types
        return False
    return True
