/* The task compiler, written in Python (grade/compiler.py), is part of the snapshot, so that compiling a task does not begin with
 * compiling the compiler. It is reachable from nowhere but here. */
#include "reactor.h"

static PyObject *compile_task;

/* Runs the n bytes of the compiler's source and keeps its function compile_task. */
EXPORT("harness_compiler") int harness_compiler(int n) {
    input_buffer[n] = 0;
    PyObject *names = PyDict_New();
    PyObject *done = NULL;
    if (names && !PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()))
        done = PyRun_String((char *)input_buffer, Py_file_input, names, names);
    if (done) compile_task = Py_XNewRef(PyDict_GetItemString(names, "compile_task"));
    Py_XDECREF(done);
    Py_XDECREF(names);
    if (PyErr_Occurred()) PyErr_Print();
    return !compile_task;
}

/* Compiles the task that the input describes in JSON; record 0 is the result, bytes of JSON. */
EXPORT("harness_compile") int harness_compile(int n) {
    records_begin();
    PyObject *text = PyBytes_FromStringAndSize((char *)input_buffer, (Py_ssize_t)(uint32_t)n);
    PyObject *result = text ? PyObject_CallOneArg(compile_task, text) : NULL;
    Py_XDECREF(text);
    char *p;
    Py_ssize_t size;
    if (!result || PyBytes_AsStringAndSize(result, &p, &size)) {
        record_exception(0, 0);
    } else if (!record_open(0)) {
        int status = (size_t)size > BUFFER_SIZE || put(p, (uint32_t)size) ? STATUS_LARGE : STATUS_VALUE;
        if (status) record_rewind();
        record_close(status);
    }
    Py_XDECREF(result);
    return 0;
}
