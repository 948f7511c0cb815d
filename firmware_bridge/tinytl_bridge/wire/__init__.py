# SPDX-License-Identifier: Apache-2.0
"""The wire: frames, the link that repeats them, and typed answers (SPEC.md, the session)."""
