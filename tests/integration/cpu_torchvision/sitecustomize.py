"""Let torchvision be imported beside a torch without CUDA.

The package index serves torchvision built for CUDA. Beside a CPU build of torch its compiled operators cannot load, and
the import stops at the first fake kernel that is registered for one of them. MONAI Label imports two drawing functions
of torchvision and no operator, so it is enough that their names are known. The integration test puts this folder on
PYTHONPATH only where the import fails; it must be a sitecustomize because the server trains in processes of its own.
"""

import torch

for name in ("nms", "qnms"):
    torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
