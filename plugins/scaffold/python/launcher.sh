#!/bin/sh
# Starts the plugin with the Python of its virtual environment.
here=$(dirname "$(readlink -f "$0")")
exec "$here/.venv/bin/python" "$here/plugin.py"
