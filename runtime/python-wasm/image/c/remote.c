/* Calls from the grader's interpreter into the program's. A Remote stands there for a name of the program, or for an object that
 * cannot cross: an instance of one of its classes, a function, a class, a module. Such an object stays where it is, under a number,
 * and a Remote asks it what the test asks: calls, attributes, items, length, text, truth. Arguments go over by value; back come the
 * result by value, or the exception as the nearest builtin one, and what became of mutable arguments.
 *
 * What the program is compared with never goes over. A Remote of an object is equal to plain data never, in whatever order, and
 * has no arithmetic with it; two Remotes are compared, added and so on by the program, which learns nothing from that. */
#include "reactor.h"

typedef struct {
    PyObject_HEAD
    PyObject *name;  /* str, or NULL for an object */
    uint32_t number; /* of an object */
    char type[48];   /* what its class is called, for a person */
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

/* Raises what the program raised: the nearest builtin type, by number, with the arguments, or where those do not do with the message.
 * The n bytes are u32 and so many of text, then the encoded arguments. */
static void raise_theirs(int number, const unsigned char *p, uint32_t n) {
    PyObject *type = PyExc_Exception;
    Reader in = {p, p + n};
    uint32_t length = read_u32(&in);
    const char *text = (const char *)read_bytes(&in, length);
    if (!text) {
        PyErr_SetString(PyExc_ValueError, "bad reply of the program's interpreter");
        return;
    }
    if (number < captured.type_count && PyExceptionClass_Check((PyObject *)captured.types[number])) type = (PyObject *)captured.types[number];
    PyObject *args = in.at < in.end ? decode(in.at, (uint32_t)(in.end - in.at), NULL, NULL) : NULL;
    PyObject *e = args && PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) ? PyObject_Call(type, args, NULL) : NULL;
    Py_XDECREF(args);
    if (e && PyExceptionInstance_Check(e)) {
        PyErr_SetRaisedException(e);
        return;
    }
    Py_XDECREF(e);
    PyErr_Clear();
    const char *message = memchr(text, 0, length);
    PyObject *s = NULL;
    if (message) {
        message++;
        s = PyUnicode_DecodeUTF8(message, length - (message - text), "replace");
    }
    e = s ? PyObject_CallOneArg(type, s) : PyObject_CallNoArgs(type);
    if (!e) { /* UnicodeDecodeError and its like want more arguments */
        PyErr_Clear();
        e = PyObject_CallNoArgs(PyExc_Exception);
    }
    Py_XDECREF(s);
    if (e) PyErr_SetRaisedException(e);
}

/* What the program printed during a call belongs to the test's standard output where the test has put something in its place. */
static int replay_output(const char *text, uint32_t n) {
    PyObject *out = PySys_GetObject("stdout"); /* borrowed */
    if (!n || !out || out == Py_None || out == standard_output) return 0;
    Py_INCREF(out);
    PyObject *s = PyUnicode_DecodeUTF8(text, n, "replace");
    int r = s ? PyFile_WriteObject(s, out, Py_PRINT_RAW) : -1;
    Py_XDECREF(s);
    Py_DECREF(out);
    return r;
}

/* Has the program's interpreter perform what is called name, with the arguments. The reply is status u8, number of the builtin
 * exception u8, u32 and so many bytes of output, and the value or the exception's text. */
static PyObject *send(PyObject *name, PyObject *args, PyObject *kwargs) {
    PyObject *empty = kwargs ? NULL : PyDict_New();
    PyObject *request = PyTuple_Pack(3, name, args, kwargs ? kwargs : empty);
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
    uint32_t n = host_call(p, output_used() - mark, BUFFER_SIZE - mark), printed = 0;
    PyObject *result = NULL;
    if (n >= 6 && n <= BUFFER_SIZE - mark) memcpy(&printed, p + 2, 4);
    if (n < 6 || n > BUFFER_SIZE - mark || printed > n - 6) {
        PyErr_SetString(PyExc_ValueError, "bad reply of the program's interpreter");
    } else if (replay_output((const char *)p + 6, printed)) {
        result = NULL;
    } else if (p[0] == STATUS_VALUE) {
        PyObject *reply = decode(p + 6 + printed, n - 6 - printed, NULL, NULL);
        if (reply) result = unpack_reply(reply, args);
        Py_XDECREF(reply);
    } else {
        raise_theirs(p[1], p + 6 + printed, n - 6 - printed);
    }
    output_truncate(mark);
    return result;
}

/* Asks for one of operations, below. */
static PyObject *ask(const char *operation, PyObject *args) {
    PyObject *name = args ? PyUnicode_FromString(operation) : NULL;
    PyObject *result = name ? send(name, args, NULL) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(args);
    return result;
}

static PyObject *ask_one(const char *operation, PyObject *self) { return ask(operation, PyTuple_Pack(1, self)); }
static PyObject *ask_two(const char *operation, PyObject *a, PyObject *b) { return ask(operation, PyTuple_Pack(2, a, b)); }

static PyTypeObject remote_base;
static int is_remote(PyObject *o) { return PyType_IsSubtype(Py_TYPE(o), &remote_base); }

/* The object that a name of the program stands for now; any other object is itself. */
static PyObject *value_of(PyObject *o) {
    if (!is_remote(o) || !((Remote *)o)->name) return Py_NewRef(o);
    return ask_one(".value", o);
}

static PyObject *with_two(const char *operation, PyObject *a, PyObject *b, PyObject *(*local)(PyObject *, PyObject *)) {
    PyObject *x = value_of(a), *y = x ? value_of(b) : NULL, *result = NULL;
    if (y && is_remote(x) && is_remote(y)) result = ask_two(operation, x, y);
    else if (y && (is_remote(x) || is_remote(y))) result = Py_NewRef(Py_NotImplemented);
    else if (y) result = local(x, y);
    Py_XDECREF(x);
    Py_XDECREF(y);
    return result;
}

#define BINARY(name, local) \
    static PyObject *remote_##name(PyObject *a, PyObject *b) { return with_two("." #name, a, b, local); }
BINARY(add, PyNumber_Add) BINARY(sub, PyNumber_Subtract) BINARY(mul, PyNumber_Multiply) BINARY(truediv, PyNumber_TrueDivide)
BINARY(floordiv, PyNumber_FloorDivide) BINARY(mod, PyNumber_Remainder) BINARY(matmul, PyNumber_MatrixMultiply)
BINARY(and_, PyNumber_And) BINARY(or_, PyNumber_Or) BINARY(xor, PyNumber_Xor)

#define UNARY(name) \
    static PyObject *remote_##name(PyObject *self) { return ask_one("." #name, self); }
UNARY(neg) UNARY(pos) UNARY(abs) UNARY(invert) UNARY(int) UNARY(float) UNARY(index) UNARY(str) UNARY(repr) UNARY(iter) UNARY(next)

static PyObject *remote_compare(PyObject *a, PyObject *b, int op) {
    static const char *const operations[] = {".lt", ".le", ".eq", ".ne", ".gt", ".ge"};
    PyObject *x = value_of(a), *y = x ? value_of(b) : NULL, *result = NULL;
    if (y && is_remote(x) && is_remote(y)) {
        result = ask_two(operations[op], x, y);
    } else if (y && (is_remote(x) || is_remote(y))) {
        result = Py_NewRef(Py_NotImplemented);
    } else if (y) {
        result = PyObject_RichCompare(x, y, op);
    }
    Py_XDECREF(x);
    Py_XDECREF(y);
    return result;
}

static int remote_bool(PyObject *self) {
    PyObject *x = ask_one(".bool", self);
    int truth = x == Py_True ? 1 : x == Py_False ? 0 : -1;
    if (x && truth < 0) PyErr_SetString(PyExc_TypeError, "bad truth of an object of the program");
    Py_XDECREF(x);
    return truth;
}

static Py_ssize_t number_of(PyObject *x) {
    Py_ssize_t n = x ? PyLong_AsSsize_t(x) : -1;
    Py_XDECREF(x);
    return n;
}

static Py_ssize_t remote_length(PyObject *self) { return number_of(ask_one(".len", self)); }

static Py_hash_t remote_hash(PyObject *self) {
    Py_hash_t h = number_of(ask_one(".hash", self));
    return h == -1 && !PyErr_Occurred() ? -2 : h;
}

static PyObject *remote_item(PyObject *self, PyObject *key) { return ask_two(".getitem", self, key); }

static int done(PyObject *x) {
    Py_XDECREF(x);
    return x ? 0 : -1;
}

static int remote_set_item(PyObject *self, PyObject *key, PyObject *value) {
    return done(value ? ask(".setitem", PyTuple_Pack(3, self, key, value)) : ask_two(".delitem", self, key));
}

/* An object's class is none that is known here, whatever it says of itself. */
static PyObject *remote_attribute(PyObject *self, PyObject *name) {
    if (PyUnicode_CompareWithASCIIString(name, "__class__") == 0) return Py_NewRef(Py_TYPE(self));
    return ask_two(".getattr", self, name);
}

static int remote_set_attribute(PyObject *self, PyObject *name, PyObject *value) {
    return done(value ? ask(".setattr", PyTuple_Pack(3, self, name, value)) : ask_two(".delattr", self, name));
}

static PyObject *remote_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    Remote *r = (Remote *)self;
    if (r->name) return send(r->name, args, kwargs);
    PyObject *first = PyTuple_Pack(1, self), *all = first ? PySequence_Concat(first, args) : NULL;
    PyObject *operation = all ? PyUnicode_FromString(".call") : NULL;
    PyObject *result = operation ? send(operation, all, kwargs) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(all);
    Py_XDECREF(operation);
    return result;
}

/* Whoever awaits has the value, or the exception, at once: the program's interpreter has a time of its own. */
static PyObject *remote_finish(PyObject *self, PyObject *unused) { return ask_one(".await", self); }

static PyObject *remote_await(PyObject *self) {
    static PyMethodDef definition = {"finish", remote_finish, METH_NOARGS};
    PyObject *f = PyCFunction_New(&definition, self), *iterator = f ? PyObject_CallOneArg(captured.awaited, f) : NULL;
    Py_XDECREF(f);
    return iterator;
}

static PyObject *method(PyObject *self, const char *name, PyObject *args) {
    PyObject *m = PyObject_GetAttrString(self, name);
    PyObject *result = m && args ? PyObject_Call(m, args, NULL) : NULL;
    Py_XDECREF(m);
    Py_XDECREF(args);
    return result;
}

static PyObject *remote_async_iter(PyObject *self) { return method(self, "__aiter__", PyTuple_New(0)); }
static PyObject *remote_async_next(PyObject *self) { return method(self, "__anext__", PyTuple_New(0)); }
static PyObject *remote_async_enter(PyObject *self, PyObject *unused) { return method(self, "__aenter__", PyTuple_New(0)); }
static PyObject *remote_enter(PyObject *self, PyObject *unused) { return method(self, "__enter__", PyTuple_New(0)); }

/* A traceback stays here. */
static PyObject *leave(PyObject *self, const char *name, PyObject *args) {
    if (PyTuple_GET_SIZE(args) != 3) return method(self, name, Py_NewRef(args));
    return method(self, name, PyTuple_Pack(3, PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1), Py_None));
}

static PyObject *remote_exit(PyObject *self, PyObject *args) { return leave(self, "__exit__", args); }
static PyObject *remote_async_exit(PyObject *self, PyObject *args) { return leave(self, "__aexit__", args); }

static PyObject *remote_format(PyObject *self, PyObject *format) { return ask_two(".format", self, format); }
static PyObject *remote_is_instance(PyObject *self, PyObject *o) { return ask_two(".isinstance", o, self); }
static PyObject *remote_is_subclass(PyObject *self, PyObject *o) { return ask_two(".issubclass", o, self); }
static PyObject *remote_round(PyObject *self, PyObject *args) {
    PyObject *first = PyTuple_Pack(1, self);
    PyObject *all = first ? PySequence_Concat(first, args) : NULL;
    Py_XDECREF(first);
    return ask(".round", all);
}

static void remote_free(PyObject *self) {
    PyTypeObject *t = Py_TYPE(self);
    Py_XDECREF(((Remote *)self)->name);
    PyObject_Free(self);
    if (t->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_DECREF(t);
}

static PyNumberMethods numbers = {
    .nb_add = remote_add, .nb_subtract = remote_sub, .nb_multiply = remote_mul, .nb_true_divide = remote_truediv,
    .nb_floor_divide = remote_floordiv, .nb_remainder = remote_mod, .nb_matrix_multiply = remote_matmul, .nb_and = remote_and_,
    .nb_or = remote_or_, .nb_xor = remote_xor, .nb_negative = remote_neg, .nb_positive = remote_pos, .nb_absolute = remote_abs,
    .nb_invert = remote_invert, .nb_bool = remote_bool, .nb_int = remote_int, .nb_float = remote_float, .nb_index = remote_index,
};
static PyMappingMethods items = {.mp_subscript = remote_item, .mp_ass_subscript = remote_set_item};
static PyMethodDef methods[] = {
    {"__enter__", remote_enter, METH_NOARGS}, {"__exit__", remote_exit, METH_VARARGS}, {"__format__", remote_format, METH_O},
    {"__instancecheck__", remote_is_instance, METH_O}, {"__subclasscheck__", remote_is_subclass, METH_O},
    {"__round__", remote_round, METH_VARARGS}, {"__aenter__", remote_async_enter, METH_NOARGS},
    {"__aexit__", remote_async_exit, METH_VARARGS}, {NULL},
};

static PyTypeObject remote_base = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "remote",
    .tp_basicsize = sizeof(Remote),
    .tp_dealloc = remote_free,
    .tp_repr = remote_repr,
    .tp_str = remote_str,
    .tp_hash = remote_hash,
    .tp_getattro = remote_attribute,
    .tp_setattro = remote_set_attribute,
    .tp_richcompare = remote_compare,
    .tp_as_number = &numbers,
    .tp_as_mapping = &items,
    .tp_methods = methods,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/* What not every object can do is only there where it can, since a test may ask whether it is. */
enum { CALLABLE = 1, ITERABLE = 2, ITERATOR = 4, SIZED = 8, AWAITABLE = 16, ASYNC_ITERABLE = 32, ABILITIES = 64 };
static PyTypeObject *remote_types[ABILITIES];

static PyTypeObject *remote_type(int abilities) {
    if (remote_types[abilities]) return remote_types[abilities];
    PyType_Slot slots[8] = {{Py_tp_dealloc, remote_free}};
    int n = 1;
    if (abilities & CALLABLE) slots[n++] = (PyType_Slot){Py_tp_call, remote_call};
    if (abilities & ITERABLE) slots[n++] = (PyType_Slot){Py_tp_iter, remote_iter};
    if (abilities & ITERATOR) slots[n++] = (PyType_Slot){Py_tp_iternext, remote_next};
    if (abilities & SIZED) slots[n++] = (PyType_Slot){Py_mp_length, remote_length};
    if (abilities & AWAITABLE) slots[n++] = (PyType_Slot){Py_am_await, remote_await};
    if (abilities & ASYNC_ITERABLE) slots[n++] = (PyType_Slot){Py_am_aiter, remote_async_iter}, slots[n++] = (PyType_Slot){Py_am_anext, remote_async_next};
    slots[n] = (PyType_Slot){0};
    PyType_Spec spec = {"remote", sizeof(Remote), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return remote_types[abilities] = (PyTypeObject *)PyType_FromSpecWithBases(&spec, (PyObject *)&remote_base);
}

static Remote *remote_make(int abilities) {
    PyTypeObject *t = remote_type(abilities);
    Remote *r = t ? PyObject_New(Remote, t) : NULL;
    if (!r) return NULL;
    r->name = NULL;
    r->number = 0;
    r->type[0] = 0;
    return r;
}

PyObject *remote_new(const char *name, uint32_t n) {
    Remote *r = remote_make(CALLABLE | ITERABLE | SIZED);
    if (!r) return NULL;
    r->name = PyUnicode_FromStringAndSize(name, n);
    if (!r->name) Py_CLEAR(r);
    return (PyObject *)r;
}

/* One Remote for each object, so that `is` says what it says there. */
PyObject *remote_object(uint32_t number, int abilities, const unsigned char *type, uint32_t n) {
    static PyObject *known;
    PyObject *key = known || (known = PyDict_New()) ? PyLong_FromUnsignedLong(number) : NULL;
    PyObject *r = key ? Py_XNewRef(PyDict_GetItemWithError(known, key)) : NULL;
    if (key && !r && !PyErr_Occurred() && (r = (PyObject *)remote_make(abilities & (ABILITIES - 1)))) {
        ((Remote *)r)->number = number;
        snprintf(((Remote *)r)->type, sizeof ((Remote *)r)->type, "%.*s", (int)n, (const char *)type);
        if (PyDict_SetItem(known, key, r)) Py_CLEAR(r);
    }
    Py_XDECREF(key);
    return r;
}

static int put_held(uint32_t number, int abilities, const char *type) {
    int n = (int)strnlen(type, 47);
    return put_u8('H') || put_u32(number) || put_u8(abilities) || put_u8(n) || put(type, (uint32_t)n) ? STATUS_LARGE : 0;
}

int encode_remote(PyObject *o) {
    if (!is_remote(o)) return -1;
    Remote *r = (Remote *)o;
    if (r->name) return encode_name(r->name);
    return put_held(r->number, 0, "");
}

const char *remote_type_name(PyObject *o) { return is_remote(o) && !((Remote *)o)->name ? ((Remote *)o)->type : NULL; }


/* ---- the program's side */

/* The number of the nearest builtin type of an exception. */
static int nearest_type(PyObject *exception) {
    PyObject *mro = Py_TYPE(exception)->tp_mro;
    for (Py_ssize_t i = 0; mro && i < PyTuple_GET_SIZE(mro); i++)
        for (int k = 0; k < captured.type_count; k++)
            if ((PyObject *)captured.types[k] == PyTuple_GET_ITEM(mro, i)) return k;
    return 255;
}

/* Objects that the grader's interpreter has a number for. */
static PyObject *held, *held_numbers; /* list; dict of numbers by address */

static int abilities_of(PyObject *o) {
    PyTypeObject *t = Py_TYPE(o);
    return (t->tp_call ? CALLABLE : 0) | (t->tp_iter || PySequence_Check(o) ? ITERABLE : 0) | (PyIter_Check(o) ? ITERATOR : 0) |
           ((t->tp_as_mapping && t->tp_as_mapping->mp_length) || (t->tp_as_sequence && t->tp_as_sequence->sq_length) ? SIZED : 0) |
           (t->tp_as_async && t->tp_as_async->am_await ? AWAITABLE : 0) | (t->tp_as_async && t->tp_as_async->am_aiter ? ASYNC_ITERABLE : 0);
}

int encode_held(PyObject *o) {
    if (!held && (!(held = PyList_New(0)) || !(held_numbers = PyDict_New()))) return STATUS_MEMORY;
    PyObject *address = PyLong_FromVoidPtr(o), *number = address ? PyDict_GetItemWithError(held_numbers, address) : NULL;
    long n = number ? PyLong_AsLong(number) : -1;
    if (address && !number) {
        n = PyList_GET_SIZE(held);
        number = PyLong_FromLong(n);
        if (!number || PyDict_SetItem(held_numbers, address, number) || PyList_Append(held, o)) n = -1;
        Py_XDECREF(number);
    }
    Py_XDECREF(address);
    PyErr_Clear();
    if (n < 0) return STATUS_MEMORY;
    return put_held((uint32_t)n, abilities_of(o), Py_TYPE(o)->tp_name);
}

PyObject *held_object(uint32_t number) {
    return held && number < (size_t)PyList_GET_SIZE(held) ? Py_NewRef(PyList_GET_ITEM(held, number)) : NULL;
}

/* What a Remote may ask for besides names of the program: the functions of builtins and operator, taken while they were clean. */
static PyObject *operations;

int remote_capture(void) {
    static const char *const of_builtins[] = {"getattr", "setattr", "delattr", "len", "iter", "next", "str", "repr", "format", "int", "float", "bool", "hash", "round", "isinstance", "issubclass"};
    static const char *const of_operator[] = {"getitem", "setitem", "delitem", "index", "abs", "neg", "pos", "invert", "add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "and_", "or_", "xor", "lt", "le", "eq", "ne", "gt", "ge"};
    PyObject *modules[2] = {PyImport_ImportModule("builtins"), PyImport_ImportModule("operator")};
    operations = PyDict_New();
    for (size_t i = 0; operations && modules[0] && modules[1] && i < sizeof of_builtins / sizeof *of_builtins + sizeof of_operator / sizeof *of_operator; i++) {
        size_t first = sizeof of_builtins / sizeof *of_builtins;
        const char *name = i < first ? of_builtins[i] : of_operator[i - first];
        PyObject *f = PyObject_GetAttrString(modules[i >= first], name), *key = PyUnicode_FromFormat(".%s", name);
        if (!f || !key || PyDict_SetItem(operations, key, f)) Py_CLEAR(operations);
        Py_XDECREF(f);
        Py_XDECREF(key);
    }
    Py_XDECREF(modules[0]);
    Py_XDECREF(modules[1]);
    if (!operations || PyDict_SetItemString(operations, ".await", captured.await)) return 1;
    return PyType_Ready(&remote_base);
}

static PyObject *call_held(PyObject *args, PyObject *kwargs) {
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *rest = n ? PyTuple_GetSlice(args, 1, n) : NULL;
    PyObject *result = rest ? PyObject_Call(PyTuple_GET_ITEM(args, 0), rest, kwargs) : NULL;
    Py_XDECREF(rest);
    return result;
}

static PyObject *perform(PyObject *request, PyObject *names) {
    if (!PyTuple_CheckExact(request) || PyTuple_GET_SIZE(request) != 3) return NULL;
    PyObject *name = PyTuple_GET_ITEM(request, 0), *args = PyTuple_GET_ITEM(request, 1), *kwargs = PyTuple_GET_ITEM(request, 2);
    PyObject *result = NULL, *f;
    if (PyUnicode_CompareWithASCIIString(name, ".call") == 0) {
        result = call_held(args, kwargs);
    } else if (PyUnicode_CompareWithASCIIString(name, ".value") == 0) {
        result = PyTuple_GET_SIZE(args) ? Py_NewRef(PyTuple_GET_ITEM(args, 0)) : NULL;
    } else if ((f = Py_XNewRef(PyDict_GetItemWithError(operations, name))) || (f = Py_XNewRef(PyDict_GetItemWithError(names, name)))) {
        result = PyObject_Call(f, args, kwargs);
        Py_DECREF(f);
    } else {
        PyErr_Format(PyExc_NameError, "name '%U' is not defined", name);
    }
    if (!result) return NULL;
    PyObject *after = PyUnicode_CompareWithASCIIString(name, ".value") == 0 ? PyTuple_New(0) : Py_NewRef(args);
    PyObject *reply = after ? PyTuple_Pack(2, result, after) : NULL;
    Py_XDECREF(after);
    Py_DECREF(result);
    return reply;
}

/* Performs one call. Record 0 is the outcome; for an exception, record 1 holds the number of its nearest builtin type and, where they
 * can cross, its arguments. */
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
        int number = e ? nearest_type(e) : 255, remote;
        PyObject *theirs = e ? Py_XNewRef(((PyBaseExceptionObject *)e)->args) : NULL;
        PyErr_SetRaisedException(e);
        record_exception(0, 0);
        if (!record_open(1)) {
            put_u8(number);
            uint32_t mark = output_used();
            if (!theirs || encode_program(theirs, &remote)) output_truncate(mark);
            PyErr_Clear();
            record_close(STATUS_VALUE);
        }
        Py_XDECREF(theirs);
    }
    Py_XDECREF(reply);
    Py_XDECREF(request);
    PyErr_Clear();
    record(ID_DONE, STATUS_VALUE, NULL);
    flush_output();
    return 0;
}
