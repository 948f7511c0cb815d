# SPDX-License-Identifier: Apache-2.0
"""Facts of a Linux machine: processor, heat, throttling, memory, counters, meters, latency.

In: a folder that stands for `/`, or a call to be measured. Out: frozen dataclasses. What is not known is None, with the reason in words.
"""
