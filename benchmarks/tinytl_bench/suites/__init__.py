# SPDX-License-Identifier: Apache-2.0
"""Suites: fixed sets of models and heads, counted on boards (`tinytl bench --suite`)."""
