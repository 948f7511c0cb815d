# SPDX-License-Identifier: Apache-2.0
"""The host's side of the wire (SPEC.md section 3): bytes to frames, frames to commands, one typed method a command.

In: prepared data, as the device takes it. Out: typed results. Nothing here knows datasets, bundles or targets; `Device` stands above.
"""
