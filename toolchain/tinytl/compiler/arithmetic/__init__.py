# SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic as LiteRT's reference kernels do it."""
