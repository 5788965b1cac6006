#!/usr/bin/env bash
# Reports that an environment is busy for some minutes, and why; 0: no longer. Signed with openssl, sent with curl:
#   examples/report-busy.sh ml1 120 "nightly training"
set -euo pipefail

api=${DORMOUSE_API:-http://127.0.0.1:7071/api}
secret=${ACTIVITY_REPORT_SECRET:-local-report-secret}
name=$1 minutes=$2 reason=$(printf %s "${3:-}" | sed 's/[\\"]/\\&/g')

# The clock of the control plane: simulated time runs faster than real time, and on real Azure it is the right one, too.
time=$(curl -fsS "$api/health" | sed -E 's/.*"time": *"([^"]+)".*/\1/')
clock=$(date -u -d "$time" +%s 2>/dev/null || date -u -j -f %Y-%m-%dT%H:%M:%SZ "$time" +%s) # GNU, or BSD and macOS
end=$((clock + minutes * 60))
until=$(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$end" +%Y-%m-%dT%H:%M:%SZ)

body=$(printf '{"reporter": "shell", "at": "%s", "reports": [{"environment": "%s", "busy_until": "%s", "reason": "%s"}]}' \
  "$time" "$name" "$until" "$reason")
signature=sha256=$(printf %s "$body" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)
curl -sS --fail-with-body "$api/machines/activity/signed" --data-raw "$body" \
  -H "Content-Type: application/json" -H "X-Hub-Signature-256: $signature"
echo
