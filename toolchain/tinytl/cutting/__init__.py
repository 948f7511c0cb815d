# SPDX-License-Identifier: Apache-2.0
"""Cutting: where a model is divided into a frozen extractor and a head that trains, and what that costs."""
