/* Input cursor, output records, and how exceptions are reported. */
#include "reactor.h"

uint32_t read_u32(Reader *r) {
    uint32_t v = 0;
    const unsigned char *p = read_bytes(r, 4);
    if (p) memcpy(&v, p, 4);
    return v;
}

const unsigned char *read_bytes(Reader *r, uint32_t n) {
    const unsigned char *p = r->at;
    if ((size_t)(r->end - p) < n) {
        r->at = r->end;
        return NULL;
    }
    r->at += n;
    return p;
}

static uint32_t used, opened;

/* The host reads the first word after any end of the call, so it must count whole records at all times. */
static void commit(void) { memcpy(output_buffer, &used, 4); }

void records_begin(void) {
    used = 4;
    commit();
}

uint32_t output_used(void) { return used; }
void output_truncate(uint32_t n) { used = n; }
void output_patch(uint32_t at, uint32_t value) { memcpy(output_buffer + at, &value, 4); }

unsigned char *output_reserve(uint32_t n) {
    if (n > BUFFER_SIZE - used) return NULL;
    used += n;
    return output_buffer + used - n;
}

int put(const void *p, uint32_t n) {
    unsigned char *to = output_reserve(n);
    if (!to) return STATUS_LARGE;
    memcpy(to, p, n);
    return 0;
}

int put_u8(int v) {
    unsigned char b = (unsigned char)v;
    return put(&b, 1);
}

int put_u32(uint32_t v) { return put(&v, 4); }

#define HEAD 9

int record_open(uint32_t id) {
    opened = used;
    if (put_u32(id) || put_u8(0) || put_u32(0)) {
        used = opened;
        return 1;
    }
    return 0;
}

void record_rewind(void) { used = opened + HEAD; }

void record_close(int status) {
    output_buffer[opened + 4] = (unsigned char)status;
    output_patch(opened + 5, used - opened - HEAD);
    commit();
}

void record(uint32_t id, int status, const char *text) {
    if (record_open(id)) return;
    if (text) put(text, strlen(text));
    record_close(status);
}

void put_text(PyObject *s, uint32_t limit) {
    PyObject *b = PyUnicode_AsEncodedString(s, "utf-8", "backslashreplace");
    if (!b) {
        PyErr_Clear();
        return;
    }
    Py_ssize_t n = PyBytes_GET_SIZE(b);
    put(PyBytes_AS_STRING(b), n > limit ? limit : (uint32_t)n);
    Py_DECREF(b);
}

/* The message is the exception's first argument where that is a plain string or number. No __str__ is called: it may be the
 * program's, and hostile. */
static void put_message(PyObject *exception) {
    PyObject *args = ((PyBaseExceptionObject *)exception)->args;
    if (!args || !PyTuple_Check(args) || PyTuple_GET_SIZE(args) == 0) return;
    Py_ssize_t which = 0; /* OSError and its like carry a number first */
    if (PyTuple_GET_SIZE(args) > 1 && PyLong_CheckExact(PyTuple_GET_ITEM(args, 0)) && PyUnicode_Check(PyTuple_GET_ITEM(args, 1))) which = 1;
    PyObject *a = Py_NewRef(PyTuple_GET_ITEM(args, which));
    if (PyUnicode_Check(a)) {
        put_text(a, 300);
    } else if (PyLong_CheckExact(a) || PyFloat_CheckExact(a) || PyBool_Check(a) || a == Py_None) {
        PyObject *text = PyObject_Repr(a);
        if (text) put_text(text, 300);
        else PyErr_Clear();
        Py_XDECREF(text);
    }
    Py_DECREF(a);
}

void record_exception(uint32_t id, int compiling) {
    PyObject *e = PyErr_GetRaisedException();
    int status = compiling ? STATUS_SYNTAX : STATUS_EXCEPTION;
    if (!record_open(id)) {
        if (e) {
            if (PyErr_GivenExceptionMatches(e, PyExc_SystemExit)) status = STATUS_EXIT;
            else if (PyErr_GivenExceptionMatches(e, PyExc_MemoryError)) status = STATUS_MEMORY;
            const char *name = Py_TYPE(e)->tp_name;
            put(name, strnlen(name, 100));
            put_u8(0);
            put_message(e);
        }
        record_close(status);
    }
    Py_XDECREF(e);
    PyErr_Clear();
}

void record_value(uint32_t id, PyObject *value) {
    if (record_open(id)) return;
    int remote, status = encode_program(value, &remote);
    if (!status && remote) status = STATUS_REMOTE;
    else if (status == STATUS_EXCEPTION) {
        used = opened;
        record_exception(id, 0);
        return;
    }
    if (status && status != STATUS_REMOTE) record_rewind();
    if (status == STATUS_FOREIGN) {
        const char *name = Py_TYPE(value)->tp_name;
        put(name, (uint32_t)strnlen(name, 100));
    }
    record_close(status);
}
