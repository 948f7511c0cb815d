# SPDX-License-Identifier: Apache-2.0
"""The demo: one story from a shipped bundle to a report (`tinytl demo`)."""
