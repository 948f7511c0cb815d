# SPDX-License-Identifier: Apache-2.0
"""Connections of an agent: who may come in, plain or sealed, and whose frames the one session executes."""
