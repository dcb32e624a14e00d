/* The grader's interpreter: never sees a line of the program. It runs the task's own code and, for each test, decodes the values
 * that the program's interpreter returned and evaluates what is left of the test over them.
 * An operation is: kind u8, id u32, length u32, bytes.
 *   M  a code object that is executed; it must succeed
 *   G  a code object, then u32 count and (index u32, length u32, encoded value) each: the values are the dict __v, and the test
 *      passes where the code's value is true. A value that is not there raises KeyError where it is used, so that
 *      `a or b` needs only what it needs natively. */
#include "reactor.h"
#include <marshal.h>

/* Values larger than this are not shown. */
#define SHOWN 2048

static PyObject *decode_values(Reader *in, PyObject *names, uint32_t *bytes, int *broken) {
    PyObject *values = PyDict_New();
    uint32_t n = read_u32(in);
    *broken = !values;
    *bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = read_u32(in), length = read_u32(in);
        const unsigned char *p = read_bytes(in, length);
        if (!p) {
            *broken = 1;
            break;
        }
        *bytes += length;
        if (*broken) continue;
        PyObject *x = decode(p, length, names), *k = PyLong_FromUnsignedLong(index);
        *broken = !x || !k || PyDict_SetItem(values, k, x);
        Py_XDECREF(x);
        Py_XDECREF(k);
    }
    return values;
}

/* A failed test says what the program returned. The values are plain, so their repr is Python's own. */
static void record_false(uint32_t id, PyObject *values, uint32_t bytes) {
    if (record_open(id)) return;
    PyObject *k, *v;
    Py_ssize_t at = 0;
    int first = 1;
    while (bytes <= SHOWN && PyDict_Next(values, &at, &k, &v)) {
        PyObject *text = PyObject_Repr(v);
        if (!text) {
            PyErr_Clear();
            continue;
        }
        put(first ? "got " : ", ", first ? 4 : 2);
        put_text(text, 300);
        Py_DECREF(text);
        first = 0;
    }
    record_close(STATUS_FALSE);
}

EXPORT("harness_grade") int harness_grade(int n) {
    Reader in = {input_buffer, input_buffer + (uint32_t)n};
    PyObject *main_module = PyImport_AddModuleRef("__main__");
    PyObject *names = main_module ? PyDict_Copy(PyModule_GetDict(main_module)) : NULL;
    if (!names) return 1;
    records_begin();
    while (in.at < in.end) {
        int kind = *in.at++;
        uint32_t id = read_u32(&in), length = read_u32(&in), size = 0;
        const unsigned char *bytes = read_bytes(&in, length);
        if (!bytes) return 1;
        PyObject *values = NULL;
        if (kind == 'G') {
            int broken;
            values = decode_values(&in, names, &size, &broken);
            if (broken) {
                PyErr_Clear();
                record(id, STATUS_UNDECODABLE, NULL);
                Py_XDECREF(values);
                continue;
            }
            PyDict_SetItemString(names, "__v", values);
        }
        PyObject *code = PyMarshal_ReadObjectFromString((const char *)bytes, length);
        PyObject *value = code ? PyEval_EvalCode(code, names, names) : NULL;
        Py_XDECREF(code);
        if (kind == 'G') {
            int truth = value ? PyObject_IsTrue(value) : -1;
            if (truth < 0) record_exception(id, 0);
            else if (truth) record(id, STATUS_VALUE, NULL);
            else record_false(id, values, size);
        } else if (!value) {
            record_exception(id, 0);
            return 0;
        }
        Py_XDECREF(value);
        Py_XDECREF(values);
    }
    Py_DECREF(names);
    Py_DECREF(main_module);
    record(ID_DONE, STATUS_VALUE, NULL);
    return 0;
}
