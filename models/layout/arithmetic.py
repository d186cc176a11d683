"""In which type products are computed.

Imports torch alone: some of it is asked before libraries make their first tensors.
"""

from __future__ import annotations

import torch


def cpu_multiplies_bf16() -> bool:
    """Whether bfloat16 is faster than float32 on this CPU; elsewhere each product would be
    converted first.
    """
    faster = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    # oneDNN is asked too: ONEDNN_MAX_CPU_ISA may forbid it what the processor has.
    return bool(
        torch.backends.mkldnn.is_available()
        and faster
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def gpu_multiplies_bf16() -> bool:
    """Whether this process's GPU multiplies bfloat16 itself; a V100 or a T4 does not."""
    # Torch would count a GPU that converts each product to float32, which is slower than float16.
    return torch.cuda.is_bf16_supported(including_emulation=False)


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """What autocast computes products in now; None where it is off."""
    return torch.get_autocast_dtype(device_type) if torch.is_autocast_enabled(device_type) else None
