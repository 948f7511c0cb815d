# SPDX-License-Identifier: Apache-2.0
"""TFLite files: read, run by LiteRT, and changed where the converter leaves no other way."""
