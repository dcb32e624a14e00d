/* Makes all objects of the snapshot immortal. A program that uses a library object would otherwise count references in it, and each
 * page in which it does so must be copied, and compared with the snapshot when the sandbox is reset; nothing is counted in immortal
 * objects. What a program makes itself is counted, and freed, as ever. */
#include "reactor.h"

/* Objects that are immortal by now and whose references have not been followed yet; they wait in the output buffer. */
static PyObject **waiting;
static size_t count;
static int full;

static int visit(PyObject *o, void *unused) {
    if (!o || _Py_IsImmortal(o)) return 0;
    if (count == BUFFER_SIZE / sizeof *waiting) {
        full = 1;
        return 0;
    }
    if (PyUnicode_CheckExact(o) && PyUnicode_CHECK_INTERNED(o)) ((PyASCIIObject *)o)->state.interned = SSTATE_INTERNED_IMMORTAL;
    o->ob_refcnt = _Py_IMMORTAL_REFCNT;
    waiting[count++] = o;
    return 0;
}

/* Code has no tp_traverse: what it refers to refers to nothing back. */
static void visit_code(PyCodeObject *code) {
    PyObject *parts[] = {code->co_consts, code->co_names, code->co_exceptiontable, code->co_localsplusnames, code->co_localspluskinds,
        code->co_filename, code->co_name, code->co_qualname, code->co_linetable};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) visit(parts[i], NULL);
}

static void follow(void) {
    while (count) {
        PyObject *o = waiting[--count];
        PyTypeObject *type = Py_TYPE(o);
        visit((PyObject *)type, NULL);
        if (PyCode_Check(o)) visit_code((PyCodeObject *)o);
        else if (PyType_IS_GC(type) && type->tp_traverse) type->tp_traverse(o, visit, NULL);
    }
}

/* Types that are C data are immortal from birth, and so is not what they refer to. 0, or 1 with an exception. */
static int follow_types(PyTypeObject *t) {
    if (!(t->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        PyObject *names = PyType_GetDict(t);
        visit(names, NULL);
        Py_XDECREF(names);
        visit(t->tp_bases, NULL);
        visit(t->tp_mro, NULL);
        follow();
    }
    PyObject *children = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", t);
    int failed = !children;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(children); i++) failed = follow_types((PyTypeObject *)PyList_GET_ITEM(children, i));
    Py_XDECREF(children);
    return failed;
}

/* 0, or 1 with an exception. */
int immortalise(void) {
    waiting = (PyObject **)output_buffer;
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *tracked = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    Py_XDECREF(gc);
    for (Py_ssize_t i = 0; tracked && i < PyList_GET_SIZE(tracked); i++) {
        visit(PyList_GET_ITEM(tracked, i), NULL);
        follow();
    }
    int failed = !tracked || follow_types(&PyBaseObject_Type);
    Py_XDECREF(tracked);
    if (full) PyErr_NoMemory();
    return failed || full;
}
