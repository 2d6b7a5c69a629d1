from __future__ import annotations

import torch

# The tests' products are tiny: a second thread only waits.
torch.set_num_threads(1)
