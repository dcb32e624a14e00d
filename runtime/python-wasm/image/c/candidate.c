/* The program's interpreter: runs a stream of operations and writes a record of each.
 * An operation is: kind u8, id u32, length u32, bytes.
 *   X  source of the program
 *   M  a code object (marshal): imports, setup. It must succeed
 *   E  a code object whose value is encoded into its record
 *   P  a code object that is executed
 * Nothing that a program should return is ever in here: expected values and comparisons are the grader's. */
#include "reactor.h"
#include <marshal.h>

PyObject *standard_output;
static PyObject *flush;

int streams_capture(void) {
    standard_output = Py_XNewRef(PySys_GetObject("stdout"));
    flush = standard_output ? PyObject_GetAttrString((PyObject *)Py_TYPE(standard_output), "flush") : NULL;
    return !flush;
}

/* What the program printed reaches the host, where it is counted. */
void flush_output(void) {
    PyObject *x = PyObject_CallOneArg(flush, standard_output);
    Py_XDECREF(x);
    PyErr_Clear();
}

static PyObject *compile_text(const char *text, PyCompilerFlags *flags) {
    return Py_CompileStringExFlags(text, "<program>", Py_file_input, flags, -1);
}

/* Whether one of the first two lines, where only comments are, may name an encoding. */
static int names_encoding(const char *line) {
    for (int i = 0; i < 2 && *line; i++) {
        const char *at = line + strspn(line, " \t\f\r\xef\xbb\xbf"), *end = strchr(at, '\n');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        if (n && *at != '#') return 0;
        if (memmem(at, n, "coding", 6)) return 1;
        line = at + n + (end != NULL);
    }
    return 0;
}

static int is_utf8(const char *p, uint32_t n) {
    PyObject *s = PyUnicode_DecodeUTF8(p, n, NULL);
    PyErr_Clear();
    Py_XDECREF(s);
    return s != NULL;
}

/* A code object for n bytes of source, or NULL with an exception. What is UTF-8 came here as text, and its letters are what they are:
 * a comment that names another encoding is one of the file that it was in. It must still be one that Python knows. */
static PyObject *compile_source(const unsigned char *p, uint32_t n) {
    static PyCompilerFlags as_text = {PyCF_IGNORE_COOKIE, PY_MINOR_VERSION};
    char *text = malloc((size_t)n + 1);
    if (!text) return PyErr_NoMemory();
    memcpy(text, p, n);
    text[n] = 0;
    PyObject *code = NULL;
    if (strlen(text) != n) {
        PyErr_SetString(PyExc_SyntaxError, "source code cannot contain null bytes");
    } else {
        code = compile_text(text, NULL);
        if (code && names_encoding(text) && is_utf8(text, n)) Py_SETREF(code, compile_text(text, &as_text));
    }
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
