#!/bin/sh
# Makes .venv with gRPC and generates the modules of the wire. A plugin outside this repository has its own copies of
# harness_plugin.py and of the .proto files: `harness plugin new --lang python` writes them.
set -e
cd "$(dirname "$0")"
root=../../..
cp $root/plugins/scaffold/python/harness_plugin.py .
python3 -m venv .venv
.venv/bin/python -m pip install --quiet -r $root/plugins/scaffold/python/requirements.txt
.venv/bin/python -m grpc_tools.protoc -I$root/plugins/wire --python_out=. --grpc_python_out=. $root/plugins/wire/harness/v1/*.proto
