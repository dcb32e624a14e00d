/* The grader's interpreter: never sees a line of the program. It runs the task's own code and, for each test, decodes the values
 * that the program's interpreter returned and evaluates what is left of the test over them.
 * An operation is: kind u8, id u32, length u32, bytes.
 *   M  a code object that is executed; it must succeed
 *   P  a code object of the test id that is executed; what it raises is the test's outcome
 *   V  an encoded value of the test that follows, for the dict __v: id is its key, a signed number. Those from 0 on are what the
 *      program returned; those below are expected values, computed when the task was compiled
 *   G  a code object: the test id passes where its value is true. A value that is not there raises KeyError where it is used, so
 *      that `a or b` needs only what it needs natively
 *   R  a code object, then u32 count and (u32 length, name) each: a test that is executed here as it stands. The names are the
 *      program's and become Remotes. The test passes where nothing is raised.
 * Names and values stay from one call to the next, so that a task's tests may come in several. */
#include "reactor.h"
#include <marshal.h>

void show(PyObject *o); /* show.c */

/* The names that tests see, and the values of the next test; broken is the status of one that could not be decoded, or 0. */
static PyObject *names, *values;
static int broken;

static int prepare(void) {
    if (names) return 0;
    PyObject *main_module = PyImport_AddModuleRef("__main__");
    names = main_module ? PyDict_Copy(PyModule_GetDict(main_module)) : NULL;
    values = PyDict_New();
    Py_XDECREF(main_module);
    return !names || !values || PyDict_SetItemString(names, "__v", values);
}

static void add_value(int32_t index, const unsigned char *p, uint32_t n) {
    if (broken) return;
    PyObject *x = decode(p, n, names, NULL), *k = PyLong_FromLong(index);
    if (!x || !k || PyDict_SetItem(values, k, x)) broken = PyErr_ExceptionMatches(PyExc_MemoryError) ? STATUS_LARGE : STATUS_UNDECODABLE;
    Py_XDECREF(x);
    Py_XDECREF(k);
    PyErr_Clear();
}

/* A failed test says what the program returned, and what was expected where that is known. */
static void record_false(uint32_t id) {
    if (record_open(id)) return;
    for (int expected = 0; expected < 2; expected++) {
        const char *words = expected ? "; expected " : "got ";
        PyObject *k, *v;
        Py_ssize_t at = 0;
        while (PyDict_Next(values, &at, &k, &v)) {
            if ((PyLong_AsLong(k) < 0) != expected) continue;
            put(words, (uint32_t)strlen(words));
            show(v);
            words = ", ";
        }
    }
    record_close(STATUS_FALSE);
}

/* The program's names of a test, as Remotes in names. */
static int place_remotes(Reader *in) {
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

/* Judges the test id by a code object, NULL where that is damaged, over the values that came before it. */
static void judge(uint32_t id, PyObject *code) {
    PyObject *value = code && !broken ? PyEval_EvalCode(code, names, names) : NULL;
    int truth = value ? PyObject_IsTrue(value) : -1;
    if (broken) record(id, broken, NULL);
    else if (truth < 0) record_exception(id, 0);
    else if (truth) record(id, STATUS_VALUE, NULL);
    else record_false(id);
    Py_XDECREF(value);
    PyDict_Clear(values);
    broken = 0;
}

EXPORT("harness_grade") int harness_grade(int n) {
    Reader in = {input_buffer, input_buffer + (uint32_t)n};
    if (prepare()) return 1;
    records_begin();
    while (in.at < in.end) {
        int kind = *in.at++;
        uint32_t id = read_u32(&in), length = read_u32(&in);
        const unsigned char *bytes = read_bytes(&in, length);
        if (!bytes) return 1;
        if (kind == 'V') {
            add_value((int32_t)id, bytes, length);
            continue;
        }
        if (kind == 'R' && place_remotes(&in)) return 1;
        PyObject *code = PyMarshal_ReadObjectFromString((const char *)bytes, length);
        if (kind == 'G') {
            judge(id, code);
            Py_XDECREF(code);
            continue;
        }
        PyObject *value = code ? PyEval_EvalCode(code, names, names) : NULL;
        Py_XDECREF(code);
        if (!value) {
            record_exception(id, 0);
            if (kind == 'M') return 0;
        } else if (kind == 'R') {
            record(id, STATUS_VALUE, NULL);
        }
        Py_XDECREF(value);
    }
    record(ID_DONE, STATUS_VALUE, NULL);
    return 0;
}
