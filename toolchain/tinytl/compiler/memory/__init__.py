# SPDX-License-Identifier: Apache-2.0
"""Memory: what lives when, and where it lies in the arena."""
