# SPDX-License-Identifier: Apache-2.0
"""The front: from the bytes of a .tflite to a graph that can be lowered."""
