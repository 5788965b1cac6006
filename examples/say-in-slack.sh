#!/usr/bin/env bash
# Sends a command to the control plane of `make run` as Slack would, and prints the replies that Slack would get:
#   examples/say-in-slack.sh up ml1
set -euo pipefail

api=${DORMOUSE_API:-http://127.0.0.1:7071/api}
azure=${DORMOUSE_AZURE:-7443} # the port of the simulated Azure
trust=${DORMOUSE_TRUST:-.local/azure/ca.pem}
secret=${SLACK_SIGNING_SECRET:-local-slack-secret}
user=${SLACK_USER:-UOPERATOR} # CHAT_USERS has the role of this user

# Encode a text as Slack does, and then as a form does.
said() { printf %s "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
encoded() { printf %s "$1" | sed 's/%/%25/g; s/+/%2B/g; s/&/%26/g; s/=/%3D/g; s/ /+/g'; }

# Print the texts, facts and buttons of messages, beginning with the given index.
shown() {
  python3 -c '
import json, sys
said = json.load(sys.stdin)
messages = [each["body"] for each in said["value"]] if "value" in said else [said]
for message in messages[int(sys.argv[1]):]:
    for block in message["blocks"]:
        if "text" in block:
            print(block["text"]["text"])
        for fact in block.get("fields", []):
            print("  " + fact["text"].replace("\n", ": "))
        for button in block.get("elements", []):
            print("  [" + button["text"]["text"] + "] says: " + button["value"])
    print()
' "$1"
}

# Simulated time runs faster than real time: signatures must use simulated time.
time=$(curl -fsS "$api/health" | sed -E 's/.*"time": *"([^"]+)".*/\1/')
clock=$(date -u -d "$time" +%s 2>/dev/null || date -u -j -f %Y-%m-%dT%H:%M:%SZ "$time" +%s) # GNU, or BSD and macOS
place="/commands/$clock-$RANDOM"
body="command=%2Fgpu&user_id=$user&trigger_id=$clock.$RANDOM&text=$(encoded "$(said "$*")")"
body="$body&response_url=$(encoded "https://hooks.localhost:$azure$place")"
signature=v0=$(printf 'v0:%s:%s' "$clock" "$body" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)

first=$(curl -fsS "$api/chatops/slack" --data-raw "$body" \
  -H "X-Slack-Request-Timestamp: $clock" -H "X-Slack-Signature: $signature")
shown 0 <<<"$first"
grep -q 'Accepted' <<<"$first" || exit 0 # there will be no other reply

# Later replies are sent to the response_url, which is in the simulated Azure here.
seen=0
for _ in $(seq "${SECONDS_TO_WAIT:-90}"); do
  messages=$(curl -fsS --cacert "$trust" --resolve "simulation.localhost:$azure:127.0.0.1" \
    "https://simulation.localhost:$azure/messages?path=$place")
  count=$(grep -o '"response_type"' <<<"$messages" | wc -l || true)
  [ "$count" = "$seen" ] || shown "$seen" <<<"$messages"
  seen=$count
  # A short command gets one reply, a long one two.
  if [ "$seen" -ge 2 ] || { [ "$seen" = 1 ] && ! grep -q ': .* started' <<<"$messages"; }; then exit 0; fi
  sleep 1
done
echo "There was no further reply." >&2
exit 1
