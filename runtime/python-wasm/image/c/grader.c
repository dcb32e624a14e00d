/* The grader's interpreter: never sees a line of the program. It runs the task's own code and, for each test, decodes the values
 * that the program's interpreter returned and evaluates what is left of the test over them.
 * An operation is: kind u8, id u32, length u32, bytes.
 *   M  a code object that is executed; it must succeed
 *   G  a code object, then u32 count and (index u32, length u32, encoded value) each: the values are the dict __v, and the test
 *      passes where the code's value is true. A value that is not there raises KeyError where it is used, so that
 *      `a or b` needs only what it needs natively.
 *   R  a code object, then u32 count and (u32 length, name) each: a test that is executed here as it stands. The names are the
 *      program's and become Remotes. The test passes where nothing is raised. */
#include "reactor.h"
#include <marshal.h>

void show(PyObject *o); /* show.c */

static PyObject *decode_values(Reader *in, PyObject *names, int *broken) {
    PyObject *values = PyDict_New();
    uint32_t n = read_u32(in);
    *broken = !values;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = read_u32(in), length = read_u32(in);
        const unsigned char *p = read_bytes(in, length);
        if (!p) {
            *broken = 1;
            break;
        }
        if (*broken) continue;
        PyObject *x = decode(p, length, names, NULL), *k = PyLong_FromUnsignedLong(index);
        *broken = !x || !k || PyDict_SetItem(values, k, x);
        Py_XDECREF(x);
        Py_XDECREF(k);
    }
    return values;
}

/* A failed test says what the program returned. */
static void record_false(uint32_t id, PyObject *values) {
    if (record_open(id)) return;
    PyObject *k, *v;
    Py_ssize_t at = 0;
    int first = 1;
    while (PyDict_Next(values, &at, &k, &v)) {
        put(first ? "got " : ", ", first ? 4 : 2);
        show(v);
        first = 0;
    }
    record_close(STATUS_FALSE);
}

/* The program's names of a test, as Remotes in names. */
static int place_remotes(Reader *in, PyObject *names) {
    uint32_t n = read_u32(in);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = read_u32(in);
        const unsigned char *p = read_bytes(in, length);
        if (!p) return 1;
        PyObject *name = PyUnicode_FromStringAndSize((const char *)p, length), *remote = remote_new((const char *)p, length);
        int failed = !name || !remote || PyDict_SetItem(names, name, remote);
        Py_XDECREF(name);
        Py_XDECREF(remote);
        if (failed) return 1;
    }
    return 0;
}

EXPORT("harness_grade") int harness_grade(int n) {
    Reader in = {input_buffer, input_buffer + (uint32_t)n};
    PyObject *main_module = PyImport_AddModuleRef("__main__");
    PyObject *names = main_module ? PyDict_Copy(PyModule_GetDict(main_module)) : NULL;
    if (!names) return 1;
    records_begin();
    while (in.at < in.end) {
        int kind = *in.at++;
        uint32_t id = read_u32(&in), length = read_u32(&in);
        const unsigned char *bytes = read_bytes(&in, length);
        if (!bytes) return 1;
        PyObject *values = NULL;
        if (kind == 'G') {
            int broken;
            values = decode_values(&in, names, &broken);
            if (broken) {
                PyErr_Clear();
                record(id, STATUS_UNDECODABLE, NULL);
                Py_XDECREF(values);
                continue;
            }
            PyDict_SetItemString(names, "__v", values);
        }
        if (kind == 'R' && place_remotes(&in, names)) return 1;
        PyObject *code = PyMarshal_ReadObjectFromString((const char *)bytes, length);
        PyObject *value = code ? PyEval_EvalCode(code, names, names) : NULL;
        Py_XDECREF(code);
        if (kind == 'G') {
            int truth = value ? PyObject_IsTrue(value) : -1;
            if (truth < 0) record_exception(id, 0);
            else if (truth) record(id, STATUS_VALUE, NULL);
            else record_false(id, values);
        } else if (!value) {
            record_exception(id, 0);
            if (kind != 'R') return 0;
        } else if (kind == 'R') {
            record(id, STATUS_VALUE, NULL);
        }
        Py_XDECREF(value);
        Py_XDECREF(values);
    }
    Py_DECREF(names);
    Py_DECREF(main_module);
    record(ID_DONE, STATUS_VALUE, NULL);
    return 0;
}
