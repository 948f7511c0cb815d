# SPDX-License-Identifier: Apache-2.0
"""`python -m tinytl_cli`: the command line where its script is not in the PATH."""

from tinytl_cli import main

main()
