/* Calls from the grader's interpreter into the program's: a Remote stands for a name of the program. Calling it sends the arguments
 * over, by value, and brings back the result, or the exception as the nearest builtin one, and what became of mutable arguments.
 * A test with blocks (for, try, with, def) can so run where the program cannot reach it. */
#include "reactor.h"

typedef struct {
    PyObject_HEAD
    PyObject *name; /* str */
} Remote;

/* Performs the request of n bytes at p and puts the reply there, up to capacity bytes; returns its length. It does not return when
 * the program's interpreter ended. */
__attribute__((import_module("harness"), import_name("call"))) uint32_t host_call(unsigned char *p, uint32_t n, uint32_t capacity);

/* What a mutable argument became, put into the grader's own object. */
static int take_over(PyObject *mine, PyObject *theirs) {
    if (PyList_CheckExact(mine) && PyList_CheckExact(theirs)) return PyList_SetSlice(mine, 0, PyList_GET_SIZE(mine), theirs);
    if (PyDict_CheckExact(mine) && PyDict_CheckExact(theirs)) {
        PyDict_Clear(mine);
        return PyDict_Update(mine, theirs);
    }
    if ((PySet_CheckExact(mine) && PySet_CheckExact(theirs)) || (Py_TYPE(mine) == captured.deque && Py_TYPE(theirs) == captured.deque)) {
        PyObject *x = PyObject_CallMethod(mine, "clear", NULL);
        Py_XDECREF(x);
        if (x) x = PyObject_CallMethod(mine, PySet_CheckExact(mine) ? "update" : "extend", "O", theirs);
        Py_XDECREF(x);
        return x ? 0 : -1;
    }
    return 0;
}

/* The result of a reply that is the tuple (result, positional arguments as they are now). */
static PyObject *unpack_reply(PyObject *reply, PyObject *args) {
    if (!PyTuple_CheckExact(reply) || PyTuple_GET_SIZE(reply) != 2 || !PyTuple_CheckExact(PyTuple_GET_ITEM(reply, 1))) {
        PyErr_SetString(PyExc_ValueError, "bad reply of the program's interpreter");
        return NULL;
    }
    PyObject *result = PyTuple_GET_ITEM(reply, 0), *after = PyTuple_GET_ITEM(reply, 1);
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    for (Py_ssize_t i = 0; i < n && i < PyTuple_GET_SIZE(after); i++) {
        PyObject *mine = PyTuple_GET_ITEM(args, i), *theirs = PyTuple_GET_ITEM(after, i);
        if (theirs == result) result = mine; /* the function returned its argument */
        if (take_over(mine, theirs)) return NULL;
    }
    return Py_NewRef(result);
}

/* Raises what the program raised: the nearest builtin type, by number, with the message. */
static void raise_theirs(int number, const char *text, uint32_t n) {
    PyObject *type = PyExc_Exception;
    if (number < captured.type_count && PyExceptionClass_Check((PyObject *)captured.types[number])) type = (PyObject *)captured.types[number];
    const char *message = memchr(text, 0, n);
    PyObject *s = NULL;
    if (message) {
        message++;
        s = PyUnicode_DecodeUTF8(message, n - (message - text), "replace");
    }
    PyObject *e = s ? PyObject_CallOneArg(type, s) : PyObject_CallNoArgs(type);
    if (!e) { /* UnicodeDecodeError and its like want more arguments */
        PyErr_Clear();
        e = PyObject_CallNoArgs(PyExc_Exception);
    }
    Py_XDECREF(s);
    if (e) PyErr_SetRaisedException(e);
}

static PyObject *remote_call(Remote *self, PyObject *args, PyObject *kwargs) {
    PyObject *empty = kwargs ? NULL : PyDict_New();
    PyObject *request = PyTuple_Pack(3, self->name, args, kwargs ? kwargs : empty);
    Py_XDECREF(empty);
    if (!request) return NULL;
    uint32_t mark = output_used();
    int status = encode(request);
    Py_DECREF(request);
    if (status) {
        output_truncate(mark);
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "an argument cannot cross to the program's interpreter");
        return NULL;
    }
    unsigned char *p = output_buffer + mark;
    uint32_t n = host_call(p, output_used() - mark, BUFFER_SIZE - mark);
    PyObject *result = NULL;
    if (n < 2 || n > BUFFER_SIZE - mark) {
        PyErr_SetString(PyExc_ValueError, "bad reply of the program's interpreter");
    } else if (p[0] == STATUS_VALUE) {
        PyObject *reply = decode(p + 2, n - 2, NULL, NULL);
        if (reply) result = unpack_reply(reply, args);
        Py_XDECREF(reply);
    } else {
        raise_theirs(p[1], (const char *)p + 2, n - 2);
    }
    output_truncate(mark);
    return result;
}

static void remote_free(Remote *self) {
    Py_XDECREF(self->name);
    PyObject_Free(self);
}

static PyObject *remote_repr(Remote *self) { return PyUnicode_FromFormat("<%U of the program>", self->name); }

static PyTypeObject remote_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "remote",
    .tp_basicsize = sizeof(Remote),
    .tp_dealloc = (destructor)remote_free,
    .tp_repr = (reprfunc)remote_repr,
    .tp_call = (ternaryfunc)remote_call,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

int remote_capture(void) { return PyType_Ready(&remote_type); }

PyObject *remote_new(const char *name, uint32_t n) {
    Remote *r = PyObject_New(Remote, &remote_type);
    if (!r) return NULL;
    r->name = PyUnicode_FromStringAndSize(name, n);
    if (!r->name) Py_CLEAR(r);
    return (PyObject *)r;
}

PyObject *remote_name(PyObject *o) { return Py_TYPE(o) == &remote_type ? ((Remote *)o)->name : NULL; }

/* ---- the program's side */

/* The number of the nearest builtin type of an exception. */
static int nearest_type(PyObject *exception) {
    PyObject *mro = Py_TYPE(exception)->tp_mro;
    for (Py_ssize_t i = 0; mro && i < PyTuple_GET_SIZE(mro); i++)
        for (int k = 0; k < captured.type_count; k++)
            if ((PyObject *)captured.types[k] == PyTuple_GET_ITEM(mro, i)) return k;
    return 255;
}

static PyObject *perform(PyObject *request, PyObject *names) {
    if (!PyTuple_CheckExact(request) || PyTuple_GET_SIZE(request) != 3) return NULL;
    PyObject *name = PyTuple_GET_ITEM(request, 0), *args = PyTuple_GET_ITEM(request, 1), *kwargs = PyTuple_GET_ITEM(request, 2);
    PyObject *f = Py_XNewRef(PyDict_GetItemWithError(names, name));
    if (!f) {
        PyErr_Format(PyExc_NameError, "name '%U' is not defined", name);
        return NULL;
    }
    PyObject *result = PyObject_Call(f, args, kwargs);
    Py_DECREF(f);
    if (!result) return NULL;
    PyObject *reply = PyTuple_Pack(2, result, args);
    Py_DECREF(result);
    return reply;
}

/* Performs one call. Record 0 is the outcome; for an exception, record 1 holds the number of its nearest builtin type. */
EXPORT("harness_call") int harness_call(int n) {
    PyObject *names = program_names();
    if (!names) return 1;
    records_begin();
    PyObject *request = decode(input_buffer, (uint32_t)n, names, names);
    PyObject *reply = request ? perform(request, names) : NULL;
    if (reply) {
        record_value(0, reply);
    } else {
        PyObject *e = PyErr_GetRaisedException();
        int number = e ? nearest_type(e) : 255;
        PyErr_SetRaisedException(e);
        record_exception(0, 0);
        if (!record_open(1)) {
            put_u8(number);
            record_close(STATUS_VALUE);
        }
    }
    Py_XDECREF(reply);
    Py_XDECREF(request);
    PyErr_Clear();
    record(ID_DONE, STATUS_VALUE, NULL);
    return 0;
}
