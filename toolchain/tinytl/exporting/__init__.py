# SPDX-License-Identifier: Apache-2.0
"""Exporting: from a model and its data to a bundle: convert, quantize, check, pack."""
