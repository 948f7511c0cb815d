# SPDX-License-Identifier: Apache-2.0
"""Rewriting: fewer operators with the same answers, bit for bit."""
