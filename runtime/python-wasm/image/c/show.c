/* A short text of a value for a person. repr would do but for values that are small in memory and endless in print: a list may hold
 * another one twice, a hundred levels deep. So the text is bounded, and with it the work. */
#include "reactor.h"

#define TEXT_LIMIT 240
#define LEVELS 8

static uint32_t text_end; /* where the text must stop */

static int full(void) { return output_used() >= text_end; }

static void word(const char *s) {
    if (!full()) put(s, (uint32_t)strlen(s));
}

static void show_at(PyObject *o, int level);

static void show_items(PyObject *iterable, const char *open, const char *close, int level) {
    word(open);
    PyObject *it = PyObject_GetIter(iterable), *x;
    for (int first = 1; it && !full() && (x = PyIter_Next(it)); first = 0) {
        if (!first) word(", ");
        show_at(x, level + 1);
        Py_DECREF(x);
    }
    Py_XDECREF(it);
    PyErr_Clear();
    word(close);
}

static void show_dict(PyObject *o, int level) {
    PyObject *k, *v;
    Py_ssize_t at = 0;
    word("{");
    for (int first = 1; !full() && PyDict_Next(o, &at, &k, &v); first = 0) {
        if (!first) word(", ");
        show_at(k, level + 1);
        word(": ");
        show_at(v, level + 1);
    }
    word("}");
}

static int is_flat(PyObject *o) {
    PyTypeObject *t = Py_TYPE(o);
    return PyLong_Check(o) || PyFloat_Check(o) || PyComplex_Check(o) || o == Py_None || o == Py_Ellipsis || PyType_Check(o) || t == &PyRange_Type ||
           t == captured.decimal || t == captured.fraction || PyDate_Check(o) || PyTime_Check(o) || PyDelta_Check(o) || PyType_IsSubtype(t, captured.enum_);
}

/* Text and bytes are cut before they are quoted. */
static PyObject *cut(PyObject *o) {
    if (PyUnicode_Check(o)) return PyUnicode_Substring(o, 0, TEXT_LIMIT);
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o) < TEXT_LIMIT ? PyBytes_GET_SIZE(o) : TEXT_LIMIT);
}

static void show_at(PyObject *o, int level) {
    if (full()) return;
    if (level > LEVELS) {
        word("...");
    } else if (PyList_Check(o)) {
        show_items(o, "[", "]", level);
    } else if (PyTuple_Check(o)) {
        show_items(o, "(", PyTuple_GET_SIZE(o) == 1 ? ",)" : ")", level);
    } else if (PyDict_Check(o)) {
        if (!PyDict_CheckExact(o)) word(Py_TYPE(o)->tp_name), word("(");
        show_dict(o, level);
        if (!PyDict_CheckExact(o)) word(")");
    } else if (PyAnySet_Check(o)) {
        if (PySet_GET_SIZE(o) == 0 || !PySet_CheckExact(o)) word(Py_TYPE(o)->tp_name), word("(");
        if (PySet_GET_SIZE(o)) show_items(o, "{", "}", level);
        if (PySet_GET_SIZE(o) == 0 || !PySet_CheckExact(o)) word(")");
    } else if (Py_TYPE(o) == captured.deque) {
        show_items(o, "deque([", "])", level);
    } else if (remote_type_name(o)) {
        word("an object of type ");
        word(remote_type_name(o));
    } else {
        PyObject *shown = PyUnicode_Check(o) || PyBytes_Check(o) ? cut(o) : is_flat(o) ? Py_NewRef(o) : NULL;
        PyObject *text = shown ? PyObject_Repr(shown) : PyUnicode_FromFormat("<%s>", Py_TYPE(o)->tp_name);
        uint32_t left = text_end > output_used() ? text_end - output_used() : 0;
        if (text) put_text(text, left);
        else word("...");
        PyErr_Clear();
        Py_XDECREF(text);
        Py_XDECREF(shown);
    }
}

void show(PyObject *o) {
    text_end = output_used() + TEXT_LIMIT;
    show_at(o, 0);
}
