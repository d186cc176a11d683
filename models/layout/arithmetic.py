"""In which type products are computed.

Imports torch alone: some of it is asked before libraries make their first tensors.
"""

from __future__ import annotations

import torch


def cpu_multiplies_bf16() -> bool:
    """Whether bfloat16 is faster than float32 on this CPU; elsewhere each product would be
    converted first.
    """
    return torch.backends.mkldnn.is_available() and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """What autocast computes products in now; None where it is off."""
    return torch.get_autocast_dtype(device_type) if torch.is_autocast_enabled(device_type) else None
