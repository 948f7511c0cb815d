# SPDX-License-Identifier: Apache-2.0
"""Firmware: boards as data, building for them, and what fits them."""
