"""Runs one program and its tests as a plain grader does, and says what became of it.

    python3 -I -S native.py SECONDS MEGABYTES < program > outcome

The input is {"parts": [text, …], "tests": [text, …]}: the parts are executed in one namespace, the program among them, then the tests in
their order until one fails. The last line of output is {"class", "exception"}, with the words of the sandbox. It is for honest programs.
"""
import builtins
import json
import os
import resource
import sys
import types


def outcome(error):
    if isinstance(error, SystemExit):
        return "exit", type(error).__name__
    if isinstance(error, MemoryError):
        return "memory", type(error).__name__
    name = type(error).__name__
    return "failed" if name == "AssertionError" else "error", name


def run(task):
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    names = vars(main)
    names["__builtins__"] = builtins
    for text in task["parts"]:
        try:
            code = compile(text, "<program>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as e:
            return "syntax", type(e).__name__
        try:
            exec(code, names)
        except BaseException as e:
            return outcome(e)
    for text in task["tests"]:
        try:
            exec(compile(text, "<test>", "exec", dont_inherit=True), names)
        except BaseException as e:
            return outcome(e)
    return "passed", ""


if __name__ == "__main__":
    seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
    task = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in 0, 1, 2:
        os.dup2(nowhere, fd)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    verdict, exception = run(task)
    report.write(json.dumps({"class": verdict, "exception": exception}) + "\n")
    report.flush()
    os._exit(0)
