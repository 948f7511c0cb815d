#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Put OUT/table.md onto pull request PULL_REQUEST of GITHUB_REPOSITORY: one comment for each NAME, which the next run replaces.
# Needs curl and python3, and TOKEN with the right to write pull requests. GITHUB_API_URL is the server.
set -euo pipefail
marker="<!-- tinytl bench ${GITHUB_WORKFLOW:-} ${GITHUB_JOB:-} $NAME -->"
repository="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY"
most_characters=60000 # GitHub takes 65,536

ask() { # method, address, and what else curl takes; prints the answer. The token goes by no argument, which others could read.
    local answer status
    answer=$(curl --silent --show-error --max-time 60 -X "$1" -H @<(printf 'Authorization: Bearer %s\n' "$TOKEN") \
        -H "Accept: application/vnd.github+json" --write-out '\n%{http_code}' "${@:3}" "$2") || {
        echo "comment: $1 $2 got no answer" >&2
        return 1
    }
    status=${answer##*$'\n'} answer=${answer%$'\n'*}
    if [[ $status != 2?? ]]; then
        echo "comment: $1 $2 answered $status: ${answer:0:300}" >&2
        [ "$status" != 403 ] || echo "hint: the job needs \`permissions: pull-requests: write\`" >&2
        return 1
    fi
    printf %s "$answer"
}

body=$(MARKER="$marker" MOST="$most_characters" python3 -c 'import json, os, pathlib
text, most = pathlib.Path(os.environ["OUT"], "table.md").read_text(encoding="utf-8", errors="replace"), int(os.environ["MOST"])
cut = "" if len(text) <= most else "\n\n… the rest is in the artifact."
print(json.dumps({"body": os.environ["MARKER"] + "\n" + text[:most] + cut}))')

# Pages of 100 until one is not full. Prints the number of our comment, if it is there, and how many there were.
mine="" count=100 page=1
while [ -z "$mine" ] && [ "$count" = 100 ]; do
    found=$(ask GET "$repository/issues/$PULL_REQUEST/comments?per_page=100&page=$page")
    numbers=$(MARKER="$marker" python3 -c 'import json, os, sys
comments = json.load(sys.stdin)
mine = [comment["id"] for comment in comments if (comment["body"] or "").startswith(os.environ["MARKER"])]
print(len(comments), *mine[:1])' <<< "$found")
    read -r count mine <<< "$numbers"
    page=$((page + 1))
done

if [ -n "$mine" ]; then
    ask PATCH "$repository/issues/comments/$mine" --data @- <<< "$body" > /dev/null
else
    ask POST "$repository/issues/$PULL_REQUEST/comments" --data @- <<< "$body" > /dev/null
fi
