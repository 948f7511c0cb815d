# SPDX-License-Identifier: Apache-2.0
"""Which kernel of which family an operator takes, by its cost."""
