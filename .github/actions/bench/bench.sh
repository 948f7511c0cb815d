#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install tinytl, measure MODEL on TARGET, compare with BASELINE. Leaves in OUT: measurement.json, page.html, table.md, log.txt.
# The step does not fail by itself: what it found is in the output `passed`, so that the comment and the artifact come first.
# The output `name` tells this measurement from others of the same job: MODEL-TARGET, without what a file's name cannot have.
set -uo pipefail
mkdir -p "$OUT"
rm -f "$OUT"/measurement.json "$OUT"/page.html "$OUT"/table.md # an earlier use in the same job left them
: > "$OUT/log.txt"
passed=true

if [ "${INSTALL:-none}" != none ]; then
    python3 -m pip install --quiet --disable-pip-version-check "$INSTALL" 2>&1 | tee -a "$OUT/log.txt" || passed=false
fi

arguments=("$MODEL" --target "$TARGET" -o "$OUT/measurement.json" --html "$OUT/page.html" --markdown "$OUT/table.md")
[ -z "${SAMPLES:-}" ] || arguments+=(--samples "$SAMPLES")
[ -z "${BASELINE:-}" ] || arguments+=(--compare "$BASELINE" --tolerance "${TOLERANCE:-0.03}")
if [ "$passed" = true ]; then
    tinytl bench "${arguments[@]}" 2>&1 | tee -a "$OUT/log.txt" || passed=false
fi

# Whatever went wrong, the table says so.
if [ ! -s "$OUT/table.md" ]; then
    {
        # shellcheck disable=SC2016 # Markdown's backticks
        printf '### `%s` on `%s`\n\n❌ **Not measured.** The last lines of the log:\n\n' "${MODEL//\`/}" "${TARGET//\`/}"
        tail -n 20 "$OUT/log.txt" | sed 's/^/    /' # an indented block: nothing in it ends it
    } > "$OUT/table.md"
fi
name=$(printf %s "$MODEL-$TARGET" | tr -c 'A-Za-z0-9._-' -)
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$OUT/table.md" >> "$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] || printf 'passed=%s\nname=%s\n' "$passed" "$name" >> "$GITHUB_OUTPUT"
