# SPDX-License-Identifier: Apache-2.0
"""The library: an image and the C sources that it needs, for people's own firmware (`tinytl build --as library`)."""
