# SPDX-License-Identifier: Apache-2.0
"""Training on the workstation: pretraining, fine-tuning as a bound, and the run folder."""
