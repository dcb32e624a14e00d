"""Serves a reward or an optimizer to harness, over gRPC.

A plugin is a process that prints one line on standard output, which says where it listens, and serves the services of
harness/v1/*.proto. This file does the part that every plugin has in common; `pip install grpcio` and the generated
modules of those .proto files are all that it needs.

    serve_reward("name", "1.0.0", "what it does", schema, open_reward)

open_reward(settings: dict) returns a function from a data_pb2.Group to a list with one data_pb2.Score per sample, in
order. serve_optimizer is alike: open_optimizer(settings) returns an object with needs(), advantages(groups) and
loss(request). A ValueError from open_… tells the user what is wrong with the settings; begin it with the setting's name.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc

from harness.v1 import optimizer_pb2, optimizer_pb2_grpc, plugin_pb2, plugin_pb2_grpc, reward_pb2, reward_pb2_grpc

PROTOCOL = 1
MAX_MESSAGE = 256 << 20  # bytes; gRPC's own default of 4 MiB is less than a large group


def serve_reward(name, version, doc, schema, open_reward):
    """Serve a reward until the harness lets go."""

    def register(server, get):
        reward_pb2_grpc.add_RewardServiceServicer_to_server(_Reward(get), server)

    _serve("reward", name, version, doc, schema, open_reward, register)


def serve_optimizer(name, version, doc, schema, open_optimizer):
    """Serve an optimizer until the harness lets go."""

    def register(server, get):
        optimizer_pb2_grpc.add_OptimizerServiceServicer_to_server(_Optimizer(get), server)

    _serve("optimizer", name, version, doc, schema, open_optimizer, register)


class _Reward(reward_pb2_grpc.RewardServiceServicer):
    def __init__(self, get):
        self._get = get

    def Score(self, request, context):
        return reward_pb2.ScoreResponse(scores=self._get(context)(request.group))


class _Optimizer(optimizer_pb2_grpc.OptimizerServiceServicer):
    def __init__(self, get):
        self._get = get

    def Needs(self, request, context):
        return self._get(context).needs()

    def Advantages(self, request, context):
        groups = self._get(context).advantages([list(g.scores) for g in request.groups])
        return optimizer_pb2.AdvantagesResponse(groups=[optimizer_pb2.GroupAdvantages(values=g) for g in groups])

    def Loss(self, request, context):
        return self._get(context).loss(request)


class _Plugin(plugin_pb2_grpc.PluginServiceServicer):
    def __init__(self, kind, name, version, doc, schema, open_plugin):
        self._info = plugin_pb2.InfoResponse(
            kind=kind, name=name, version=version, protocol=PROTOCOL, settings_schema=json.dumps(schema), description=doc
        )
        self._defaults = {k: p["default"] for k, p in schema["properties"].items() if "default" in p}
        self._open = open_plugin
        self._opened = None

    def get(self, context):
        if self._opened is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Configure comes before any other call")
        return self._opened

    def Info(self, request, context):
        return self._info

    def Configure(self, request, context):
        settings = {**self._defaults, **json.loads(request.settings or "{}")}  # the harness has checked them by the schema
        try:
            self._opened = self._open(settings)
        except ValueError as e:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"settings: {e}")
        return plugin_pb2.ConfigureResponse(settings=json.dumps(settings))


def _serve(kind, name, version, doc, schema, open_plugin, register):
    if os.environ.get("HARNESS_PLUGIN") != "rewards-that-a-program-can-check":
        sys.exit(f"This is the {kind} {name}, a plugin of harness: it is started by it.")
    versions = os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "").split(",")
    if str(PROTOCOL) not in versions:
        print(f"the harness speaks protocol {versions}, this plugin {PROTOCOL}", file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness, which then ends its plugins
    threading.Thread(target=_exit_with_parent, daemon=True).start()

    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options)
    plugin = _Plugin(kind, name, version, doc, schema, open_plugin)
    plugin_pb2_grpc.add_PluginServiceServicer_to_server(plugin, server)
    register(server, plugin.get)
    server.add_generic_rpc_handlers((_controller(server),))

    # A Unix socket in a folder that only this user can enter takes the place of TLS, whose keys (P-521) this gRPC
    # cannot read.
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp()
    socket = os.path.join(folder, "plugin")
    server.add_insecure_port("unix:" + socket)
    server.start()
    print(f"1|{PROTOCOL}|unix|{socket}|grpc", flush=True)
    os.dup2(2, 1)  # from here on, what is printed is for the log
    server.wait_for_termination()


def _controller(server):
    """The call with which the harness ends a plugin (go-plugin's GRPCController)."""

    def shutdown(request, context):
        threading.Thread(target=server.stop, args=(0.1,)).start()
        return b""

    handler = grpc.unary_unary_rpc_method_handler(shutdown)
    return grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": handler})


def _exit_with_parent():
    """End the process when the harness is gone: it may have been killed with no chance to say so."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "")
    if os.path.basename(folder).startswith("harness-plugin-"):
        shutil.rmtree(folder, ignore_errors=True)  # it was the harness's to remove
    os._exit(1)
