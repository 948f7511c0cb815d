# SPDX-License-Identifier: Apache-2.0
"""The bundle: one file that crosses from the workstation to a device (SPEC.md, the bundle)."""
