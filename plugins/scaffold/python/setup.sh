#!/bin/sh
# Makes .venv with gRPC and generates the modules of the wire. Run it once, and again when proto/ changes.
set -e
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/python -m pip install --quiet -r requirements.txt
.venv/bin/python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. proto/harness/v1/*.proto
