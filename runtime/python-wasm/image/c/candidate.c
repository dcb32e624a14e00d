/* The program's interpreter: runs a stream of operations and writes a record of each.
 * An operation is: kind u8, id u32, length u32, bytes.
 *   X  source of the program
 *   M  a code object (marshal): imports, setup. It must succeed
 *   E  a code object whose value is encoded into its record
 *   P  a code object that is executed
 * Nothing that a program should return is ever in here: expected values and comparisons are the grader's. */
#include "reactor.h"
#include <marshal.h>

static PyObject *standard_output, *flush;

int streams_capture(void) {
    standard_output = Py_XNewRef(PySys_GetObject("stdout"));
    flush = standard_output ? PyObject_GetAttrString((PyObject *)Py_TYPE(standard_output), "flush") : NULL;
    return !flush;
}

/* What the program printed reaches the host, where it is counted. */
static void flush_output(void) {
    PyObject *x = PyObject_CallOneArg(flush, standard_output);
    Py_XDECREF(x);
    PyErr_Clear();
}

/* A code object for n bytes of source, or NULL with an exception. */
static PyObject *compile_source(const unsigned char *p, uint32_t n) {
    char *text = malloc((size_t)n + 1);
    if (!text) return PyErr_NoMemory();
    memcpy(text, p, n);
    text[n] = 0;
    PyObject *code = NULL;
    if (strlen(text) != n) PyErr_SetString(PyExc_SyntaxError, "source code cannot contain null bytes");
    else code = Py_CompileStringExFlags(text, "<program>", Py_file_input, NULL, -1);
    free(text);
    return code;
}

/* 1 when the input compiles as a program, 0 when not. */
EXPORT("harness_parse") int harness_parse(int n) {
    PyObject *code = compile_source(input_buffer, (uint32_t)n);
    int parses = code != NULL;
    Py_XDECREF(code);
    PyErr_Clear();
    return parses;
}

/* The program's global names. Found once, before the program runs, since it may put something else into sys.modules. */
PyObject *program_names(void) {
    static PyObject *names;
    if (!names) {
        PyObject *main_module = PyImport_AddModuleRef("__main__");
        if (main_module) names = Py_NewRef(PyModule_GetDict(main_module));
    }
    return names;
}

/* Called once with the program and then again with each test: names, and all else that the program did, stay. */
EXPORT("harness_candidate") int harness_candidate(int n) {
    Reader in = {input_buffer, input_buffer + (uint32_t)n};
    PyObject *names = program_names();
    if (!names) return 1;
    records_begin();
    while (in.at < in.end) {
        int kind = *in.at++;
        uint32_t id = read_u32(&in), length = read_u32(&in);
        const unsigned char *bytes = read_bytes(&in, length);
        if (!bytes) return 1;
        PyObject *code;
        if (kind == 'X') {
            code = compile_source(bytes, length);
            if (!code) {
                record_exception(id, 1);
                return 0;
            }
        } else {
            code = PyMarshal_ReadObjectFromString((const char *)bytes, length);
            if (!code) return 1;
        }
        PyObject *value = PyEval_EvalCode(code, names, names);
        Py_DECREF(code);
        if (!value) {
            record_exception(id, 0);
            if (kind == 'X' || kind == 'M') {
                flush_output();
                return 0;
            }
            continue;
        }
        if (kind == 'E') record_value(id, value);
        else if (kind == 'P') record(id, STATUS_VALUE, NULL);
        Py_DECREF(value);
        PyErr_Clear();
    }
    record(ID_DONE, STATUS_VALUE, NULL);
    flush_output();
    return 0;
}
