# SPDX-License-Identifier: Apache-2.0
"""The head's part of an image."""
