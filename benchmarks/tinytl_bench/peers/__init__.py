# SPDX-License-Identifier: Apache-2.0
"""Other people's ways to run the same model, counted on the same emulated machine by the same plugin."""

from tinytl_bench.peers.bakenn import PEERS, count_bakenn, expect_bakenn

__all__ = ["PEERS", "count_bakenn", "expect_bakenn"]
