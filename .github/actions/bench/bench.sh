#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install tinytl, measure MODEL on TARGET, compare with BASELINE. Leaves in OUT: measurement.json, page.html, table.md, log.txt.
# The step does not fail by itself: what it found is in the output `passed`, so that the comment and the artifact come first.
set -uo pipefail
mkdir -p "$OUT"
passed=true

if [ "${INSTALL:-none}" != none ]; then
    python3 -m pip install --quiet --disable-pip-version-check "$INSTALL" 2>&1 | tee "$OUT/log.txt" || passed=false
fi

arguments=("$MODEL" --target "$TARGET" -o "$OUT/measurement.json" --html "$OUT/page.html" --markdown "$OUT/table.md")
[ -z "${SAMPLES:-}" ] || arguments+=(--samples "$SAMPLES")
[ -z "${BASELINE:-}" ] || arguments+=(--compare "$BASELINE" --tolerance "${TOLERANCE:-0.03}")
if [ "$passed" = true ]; then
    tinytl bench "${arguments[@]}" 2>&1 | tee -a "$OUT/log.txt" || passed=false
fi

# Whatever went wrong, the table says so.
if [ ! -s "$OUT/table.md" ]; then
    { echo "### $MODEL on $TARGET"; echo; echo "Not measured:"; echo; echo '```'; tail -n 20 "$OUT/log.txt"; echo '```'; } > "$OUT/table.md"
fi
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$OUT/table.md" >> "$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "passed=$passed" >> "$GITHUB_OUTPUT"
