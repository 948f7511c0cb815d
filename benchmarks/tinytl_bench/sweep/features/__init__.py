# SPDX-License-Identifier: Apache-2.0
"""The frozen part, once: features kept by content, and heads that learn from them."""
