# SPDX-License-Identifier: Apache-2.0
"""Studies: questions about learning, answered over seeds, orders and tasks (`tinytl study`)."""
