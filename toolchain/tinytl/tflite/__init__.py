# SPDX-License-Identifier: Apache-2.0
"""The .tflite file format: reading what a file says, patching its bytes, running it by LiteRT's reference kernels."""
