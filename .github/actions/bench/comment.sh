#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Put OUT/table.md onto pull request PULL_REQUEST of GITHUB_REPOSITORY: one comment, which the next run replaces.
# Needs curl and python3, and TOKEN with the right to write pull requests. GITHUB_API_URL is the server.
set -euo pipefail
marker="<!-- tinytl bench ${GITHUB_WORKFLOW:-} ${GITHUB_JOB:-} -->"
comments="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
ask() { # method, address, and what else curl takes
    curl --fail --silent --show-error -X "$1" -H "Authorization: Bearer $TOKEN" -H "Accept: application/vnd.github+json" "${@:3}" "$2"
}

body=$(MARKER="$marker" python3 -c 'import json, os, pathlib
print(json.dumps({"body": os.environ["MARKER"] + "\n" + pathlib.Path(os.environ["OUT"], "table.md").read_text()}))')

# Pages of 100 until one is not full.
mine="" page=1
while [ -z "$mine" ]; do
    found=$(ask GET "$comments?per_page=100&page=$page")
    mine=$(MARKER="$marker" python3 -c 'import json, os, sys
print(next((c["id"] for c in json.load(sys.stdin) if c["body"].startswith(os.environ["MARKER"])), ""))' <<< "$found")
    [ "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)))' <<< "$found")" = 100 ] || break
    page=$((page + 1))
done

if [ -n "$mine" ]; then
    ask PATCH "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/comments/$mine" --data "$body" > /dev/null
else
    ask POST "$comments" --data "$body" > /dev/null
fi
