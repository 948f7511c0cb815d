# SPDX-License-Identifier: Apache-2.0
"""Cutting: where a trained model, of Keras or a .tflite, becomes a frozen extractor and a head that trains."""
