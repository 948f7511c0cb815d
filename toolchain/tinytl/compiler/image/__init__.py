# SPDX-License-Identifier: Apache-2.0
"""The image's bytes, written and read (SPEC.md, the image)."""
