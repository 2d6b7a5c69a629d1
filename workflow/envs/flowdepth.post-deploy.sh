#!/usr/bin/env bash
set -euo pipefail
pip install -c constraints.txt -e .
