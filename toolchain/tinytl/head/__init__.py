# SPDX-License-Identifier: Apache-2.0
"""The head: its layers, settings of learning, and the forward pass as reference."""
