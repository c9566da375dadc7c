#!/bin/sh
# Takes the pictures in docs/ again, with the browser tests. Needs Go, npm and Chromium.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'kill $playground $demo 2>/dev/null; rm -rf "$work"' EXIT
cd "$root"
go build -o "$work/profileql" .
"$work/profileql" --listen 127.0.0.1:18101 >"$work/playground.banner" &
playground=$!
"$work/profileql" demo --listen 127.0.0.1:18102 >"$work/demo.banner" &
demo=$!
cd test/browser
npm ci --no-audit --no-fund
export SCREENSHOTS="$work" PROFILEQL_URL=http://127.0.0.1:18101/ PROFILEQL_DEMO_URL=http://127.0.0.1:18102/demo
until curl -fso /dev/null http://127.0.0.1:18101/readyz && curl -fso /dev/null http://127.0.0.1:18102/readyz; do sleep 0.1; done
node --test --test-timeout=240000 playground.test.js
node --test --test-timeout=240000 demo.test.js
cp "$work/update.png" "$root/docs/playground.png"
cp "$work/demo-refused-light.png" "$root/docs/demo.png"
