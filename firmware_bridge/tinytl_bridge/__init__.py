# SPDX-License-Identifier: Apache-2.0
"""From the workstation to a device: build firmware, connect, flash, teach, evaluate, save. `connect(target)` is the way in."""

from tinytl_bridge.device import Device, connect
from tinytl_bridge.identity import Identity
from tinytl_bridge.taught import TeachResult
from tinytl_bridge.wire.results import Evaluation, Inference, TaughtSample

__all__ = ["Device", "Evaluation", "Identity", "Inference", "TaughtSample", "TeachResult", "connect"]
