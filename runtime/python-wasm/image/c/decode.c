/* Values from bytes, in the grader's interpreter. The bytes come from an interpreter that ran a hostile program: every length is
 * checked, and what decodes is built of plain types only. The format is described in encode.c. */
#include "reactor.h"

typedef struct {
    Reader in;
    PyObject *enums;   /* where enum classes are looked up, or NULL */
    PyObject *own;     /* where a name of the program is looked up; NULL in the grader, which must take nothing but data */
    PyObject **shared; /* containers that may be referred to, owned; NULL while one is not complete */
    uint32_t count, size;
    PyObject *scalars[256];    /* str, int and float that may come again, owned */
    unsigned char slots[256];  /* of scalars in use */
    int slots_used;
} Decoder;

#define NOT_SHARED UINT32_MAX

static PyObject *bad(void) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "bad encoding of a value");
    return NULL;
}

static PyObject *decode_at(Decoder *d, int depth);

static int numbers(Decoder *d, int32_t *v, int n) {
    const unsigned char *p = read_bytes(&d->in, 4 * (uint32_t)n);
    if (!p) return 1;
    memcpy(v, p, 4 * (size_t)n);
    return 0;
}

static int flag(Decoder *d) {
    const unsigned char *p = read_bytes(&d->in, 1);
    return p ? *p : -1;
}

static void remember(Decoder *d, uint32_t index, PyObject *o) {
    if (index != NOT_SHARED) Py_XSETREF(d->shared[index], Py_XNewRef(o));
}

/* Every item takes at least a byte, so a count beyond what is left is a lie. */
static int count(Decoder *d, uint32_t *n) {
    *n = read_u32(&d->in);
    return *n > (size_t)(d->in.end - d->in.at);
}

static PyObject *decode_list(Decoder *d, int depth, uint32_t index) {
    uint32_t n;
    if (count(d, &n)) return bad();
    PyObject *list = PyList_New(n);
    if (list) Py_SET_SIZE(list, 0); /* room for all items, in one piece; none can be seen before it is there */
    remember(d, index, list);
    for (uint32_t i = 0; list && i < n; i++) {
        PyObject *x = decode_at(d, depth + 1);
        if (!x || PyList_Append(list, x)) {
            remember(d, index, NULL);
            Py_CLEAR(list);
        }
        Py_XDECREF(x);
    }
    return list;
}

static PyObject *decode_dict(Decoder *d, int depth, uint32_t index) {
    uint32_t n;
    if (count(d, &n)) return bad();
    PyObject *dict = PyDict_New();
    remember(d, index, dict);
    for (uint32_t i = 0; dict && i < n; i++) {
        PyObject *k = decode_at(d, depth + 1), *v = k ? decode_at(d, depth + 1) : NULL;
        if (!v || PyDict_SetItem(dict, k, v)) {
            remember(d, index, NULL);
            Py_CLEAR(dict);
        }
        Py_XDECREF(k);
        Py_XDECREF(v);
    }
    if (dict && (uint32_t)PyDict_GET_SIZE(dict) != n) { /* keys that lied about their equality */
        remember(d, index, NULL);
        Py_CLEAR(dict);
        return bad();
    }
    return dict;
}

static PyObject *decode_set(Decoder *d, int frozen, int depth) {
    PyObject *items = decode_list(d, depth, NOT_SHARED);
    if (!items) return NULL;
    PyObject *set = frozen ? PyFrozenSet_New(items) : PySet_New(items);
    if (set && PySet_GET_SIZE(set) != PyList_GET_SIZE(items)) {
        Py_CLEAR(set);
        bad();
    }
    Py_DECREF(items);
    return set;
}

static PyObject *call_one(PyTypeObject *t, PyObject *a) {
    if (!a) return NULL;
    PyObject *x = PyObject_CallOneArg((PyObject *)t, a);
    Py_DECREF(a);
    return x;
}

static PyObject *decode_str(Decoder *d) {
    int kind = flag(d);
    uint32_t n = read_u32(&d->in);
    if ((kind != 1 && kind != 2 && kind != 4) || n > BUFFER_SIZE) return bad();
    const unsigned char *p = read_bytes(&d->in, n * (uint32_t)kind);
    if (!p) return bad();
    void *aligned = malloc((size_t)n * kind + 4);
    if (!aligned) return PyErr_NoMemory();
    memcpy(aligned, p, (size_t)n * kind);
    PyObject *s = NULL;
    uint32_t i = 0;
    if (kind == 4)
        while (i < n && ((uint32_t *)aligned)[i] <= 0x10FFFF) i++;
    if (kind == 4 && i < n) bad();
    else s = PyUnicode_FromKindAndData(kind, aligned, n);
    free(aligned);
    return s;
}

/* A str, int or float. */
static PyObject *decode_scalar(Decoder *d, int tag) {
    const unsigned char *p;
    uint32_t n;
    int64_t i;
    double f;
    switch (tag) {
    case 's': return decode_str(d);
    case 'u': return (p = read_bytes(&d->in, 1)) ? PyLong_FromLong((long)*p - 5) : bad();
    case 'i':
        if (!(p = read_bytes(&d->in, 8))) return bad();
        memcpy(&i, p, 8);
        return PyLong_FromLongLong(i);
    case 'I':
        n = read_u32(&d->in);
        if (!(p = read_bytes(&d->in, n))) return bad();
        return PyLong_FromNativeBytes(p, n, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
    case 'f':
        if (!(p = read_bytes(&d->in, 8))) return bad();
        memcpy(&f, p, 8);
        return PyFloat_FromDouble(f);
    default: return bad();
    }
}

static PyObject *decode_marked(Decoder *d) {
    int slot = flag(d);
    PyObject *o = slot >= 0 ? decode_scalar(d, flag(d)) : bad();
    if (!o) return NULL;
    if (!d->scalars[slot]) d->slots[d->slots_used++] = (unsigned char)slot;
    Py_XSETREF(d->scalars[slot], Py_NewRef(o));
    return o;
}

static PyObject *decode_iterator(Decoder *d, int depth) {
    int flags = flag(d);
    PyObject *items = flags < 0 ? bad() : decode_list(d, depth, NOT_SHARED), *it;
    if (!items) return NULL;
    if (flags & ITERATOR_CUT) { /* int("iterator cut …") raises when a test gets there */
        PyObject *end = PyObject_CallFunctionObjArgs((PyObject *)&PyMap_Type, (PyObject *)&PyLong_Type, captured.truncated, NULL);
        it = end ? PyObject_CallFunctionObjArgs(captured.chain, items, end, NULL) : NULL;
        Py_XDECREF(end);
    } else {
        it = PyObject_GetIter(items);
    }
    Py_DECREF(items);
    if (it && flags & ITERATOR_GENERATOR) Py_SETREF(it, PyObject_CallOneArg(captured.generator, it));
    return it;
}

static PyObject *decode_view(Decoder *d, int tag, int depth) {
    PyObject *items = decode_list(d, depth, NOT_SHARED);
    if (!items) return NULL;
    PyObject *dict = PyDict_New();
    int failed = !dict;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
        PyObject *x = PyList_GET_ITEM(items, i);
        if (tag == 'k') {
            failed = PyDict_SetItem(dict, x, Py_None);
        } else if (tag == 'V') {
            PyObject *k = PyLong_FromSsize_t(i);
            failed = !k || PyDict_SetItem(dict, k, x);
            Py_XDECREF(k);
        } else {
            failed = !PyTuple_CheckExact(x) || PyTuple_GET_SIZE(x) != 2 || PyDict_SetItem(dict, PyTuple_GET_ITEM(x, 0), PyTuple_GET_ITEM(x, 1));
        }
    }
    if (!failed && PyDict_GET_SIZE(dict) != PyList_GET_SIZE(items)) failed = 1;
    Py_DECREF(items);
    PyObject *view = failed ? bad() : PyObject_CallMethod(dict, tag == 'k' ? "keys" : tag == 'K' ? "items" : "values", NULL);
    Py_XDECREF(dict);
    return view;
}

static PyObject *decode_range(Decoder *d, int depth) {
    PyObject *a = decode_at(d, depth + 1), *b = a ? decode_at(d, depth + 1) : NULL, *c = b ? decode_at(d, depth + 1) : NULL;
    PyObject *x = c ? PyObject_CallFunctionObjArgs((PyObject *)&PyRange_Type, a, b, c, NULL) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    Py_XDECREF(c);
    return x;
}

static PyObject *decode_fraction(Decoder *d, int depth) {
    PyObject *a = decode_at(d, depth + 1), *b = a ? decode_at(d, depth + 1) : NULL;
    PyObject *x = b ? PyObject_CallFunctionObjArgs((PyObject *)captured.fraction, a, b, NULL) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    return x;
}

static PyObject *decode_deque(Decoder *d, int depth) {
    PyObject *length = decode_at(d, depth + 1), *items = length ? decode_list(d, depth, NOT_SHARED) : NULL;
    PyObject *x = items ? PyObject_CallFunctionObjArgs((PyObject *)captured.deque, items, length, NULL) : NULL;
    Py_XDECREF(length);
    Py_XDECREF(items);
    return x;
}

static PyObject *decode_datetime(Decoder *d, int depth) {
    int32_t v[8];
    if (numbers(d, v, 8)) return bad();
    PyObject *zone = decode_at(d, depth + 1);
    if (!zone) return NULL;
    PyObject *x = PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(v[0], v[1], v[2], v[3], v[4], v[5], v[6], zone, v[7], PyDateTimeAPI->DateTimeType);
    Py_DECREF(zone);
    return x;
}

static PyObject *decode_time(Decoder *d, int depth) {
    int32_t v[5];
    if (numbers(d, v, 5)) return bad();
    PyObject *zone = decode_at(d, depth + 1);
    if (!zone) return NULL;
    PyObject *x = PyDateTimeAPI->Time_FromTimeAndFold(v[0], v[1], v[2], v[3], zone, v[4], PyDateTimeAPI->TimeType);
    Py_DECREF(zone);
    return x;
}

static PyObject *decode_array(Decoder *d) {
    int code = flag(d);
    uint32_t n = read_u32(&d->in);
    const unsigned char *p = read_bytes(&d->in, n);
    if (code < 0 || !p || !strchr("bBuwhHiIlLqQfd", code)) return bad();
    return PyObject_CallFunction((PyObject *)captured.array, "Cy#", code, (const char *)p, (Py_ssize_t)n);
}

static PyObject *decode_member(Decoder *d, int depth) {
    uint32_t n = read_u32(&d->in);
    const unsigned char *p = read_bytes(&d->in, n);
    PyObject *type_name = p ? PyUnicode_FromStringAndSize((const char *)p, n) : NULL;
    PyObject *name = type_name ? decode_at(d, depth + 1) : NULL;
    PyObject *type = name && d->enums ? PyDict_GetItemWithError(d->enums, type_name) : NULL;
    PyObject *member = NULL;
    if (type && PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, captured.enum_) && PyUnicode_CheckExact(name))
        member = PyObject_GetItem(type, name);
    else if (name && !type && d->enums && !d->own && !PyErr_Occurred() && PyUnicode_CheckExact(name)) {
        /* A member of an enum of the program stands for itself: equal to itself and to nothing else. */
        PyObject *key = PyUnicode_FromFormat("<member %U of %U>", name, type_name);
        member = key ? Py_XNewRef(PyDict_GetItemWithError(d->enums, key)) : NULL;
        if (key && !member && !PyErr_Occurred()) {
            member = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
            if (member && PyDict_SetItem(d->enums, key, member)) Py_CLEAR(member);
        }
        Py_XDECREF(key);
    }
    Py_XDECREF(type_name);
    Py_XDECREF(name);
    return member ? member : bad();
}

static PyObject *decode_slice(Decoder *d, int depth) {
    PyObject *a = decode_at(d, depth + 1), *b = a ? decode_at(d, depth + 1) : NULL, *c = b ? decode_at(d, depth + 1) : NULL;
    PyObject *x = c ? PySlice_New(a, b, c) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    Py_XDECREF(c);
    return x;
}

static PyObject *decode_exception(Decoder *d, int depth) {
    int i = flag(d);
    PyObject *type = i >= 0 && i < captured.type_count ? (PyObject *)captured.types[i] : NULL;
    PyObject *args = type && PyExceptionClass_Check(type) ? decode_at(d, depth + 1) : NULL;
    PyObject *x = args && PyTuple_CheckExact(args) ? PyObject_Call(type, args, NULL) : NULL;
    Py_XDECREF(args);
    return x ? x : bad();
}

/* A dict with plain names for keys. */
static PyObject *decode_names(Decoder *d, int depth) {
    PyObject *names = decode_at(d, depth + 1), *k, *v;
    Py_ssize_t at = 0;
    int good = names && PyDict_CheckExact(names);
    while (good && PyDict_Next(names, &at, &k, &v)) good = PyUnicode_CheckExact(k) && PyUnicode_IsIdentifier(k) == 1;
    if (good) return names;
    Py_XDECREF(names);
    return bad();
}

static PyObject *decode_namespace(Decoder *d, int depth) {
    PyObject *names = decode_names(d, depth), *empty = names ? PyTuple_New(0) : NULL;
    PyObject *x = empty ? PyObject_Call((PyObject *)captured.namespace, empty, names) : NULL;
    Py_XDECREF(empty);
    Py_XDECREF(names);
    return x;
}

static PyObject *decode_wrapper(Decoder *d, int depth) {
    int which = flag(d);
    PyObject *content = which >= 0 && which < 5 ? decode_at(d, depth + 1) : NULL, *x = NULL;
    if (!content) return bad();
    PyObject *type = (PyObject *)captured.wrappers[which];
    if ((which == 0 && PyDict_Check(content)) || (which == 1 && PyList_CheckExact(content)) || (which == 2 && PyUnicode_CheckExact(content))) {
        x = PyObject_CallOneArg(type, content);
    } else if (which == 3 && PyList_CheckExact(content)) {
        PyObject *maps = PyList_AsTuple(content);
        int good = maps != NULL;
        for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(maps); i++) good = PyDict_Check(PyTuple_GET_ITEM(maps, i));
        x = good ? PyObject_Call(type, maps, NULL) : NULL;
        Py_XDECREF(maps);
    } else if (which == 4 && PyLong_CheckExact(content)) {
        PyObject *none = PyTuple_New(0), *number = Py_BuildValue("{s:O}", "int", content);
        x = none && number ? PyObject_Call(type, none, number) : NULL;
        Py_XDECREF(none);
        Py_XDECREF(number);
    }
    Py_DECREF(content);
    return x ? x : bad();
}

/* An instance of a dataclass is one of a class made here, of the same name and fields: the grader's namespace remembers it, so that
 * two instances of one class have one here. */
static PyObject *decode_dataclass(Decoder *d, int depth) {
    uint32_t n = read_u32(&d->in);
    const unsigned char *p = read_bytes(&d->in, n);
    int flags = p ? flag(d) : -1;
    PyObject *values = flags >= 0 ? decode_names(d, depth) : NULL;
    PyObject *name = values ? PyUnicode_FromStringAndSize((const char *)p, n) : NULL, *fields = name ? PySequence_List(values) : NULL;
    PyObject *x = NULL, *type = NULL;
    if (fields && PyUnicode_IsIdentifier(name) == 1) {
        PyObject *key = PyUnicode_FromFormat("<dataclass %U %d %R>", name, flags, fields), *no_args = PyTuple_New(0);
        type = key && d->enums ? Py_XNewRef(PyDict_GetItemWithError(d->enums, key)) : NULL;
        if (!type && key && !PyErr_Occurred()) {
            PyObject *args = PyTuple_Pack(2, name, fields);
            PyObject *options = Py_BuildValue("{s:O,s:O}", "order", flags & 1 ? Py_True : Py_False, "frozen", flags & 2 ? Py_True : Py_False);
            type = args && options ? PyObject_Call(captured.make_dataclass, args, options) : NULL;
            if (type && d->enums && PyDict_SetItem(d->enums, key, type)) Py_CLEAR(type);
            Py_XDECREF(args);
            Py_XDECREF(options);
        }
        x = type && no_args ? PyObject_Call(type, no_args, values) : NULL;
        Py_XDECREF(no_args);
        Py_XDECREF(key);
    }
    Py_XDECREF(type);
    Py_XDECREF(fields);
    Py_XDECREF(name);
    Py_XDECREF(values);
    return x ? x : bad();
}

static PyObject *decode_own_name(Decoder *d, int depth) {
    PyObject *name = decode_at(d, depth + 1), *found = NULL;
    if (name && PyUnicode_CheckExact(name) && d->own) found = Py_XNewRef(PyDict_GetItemWithError(d->own, name));
    Py_XDECREF(name);
    return found ? found : bad();
}

static PyObject *decode_tagged(Decoder *d, int tag, int depth, uint32_t index) {
    const unsigned char *p;
    uint32_t n;
    int32_t v[8];
    PyObject *a, *x;
    switch (tag) {
    case 'N': Py_RETURN_NONE;
    case 'T': Py_RETURN_TRUE;
    case 'F': Py_RETURN_FALSE;
    case 'e': return Py_NewRef(Py_Ellipsis);
    case 'u':
    case 'i':
    case 'I':
    case 'f':
    case 's': return decode_scalar(d, tag);
    case 'c': {
        Py_complex q;
        if (!(p = read_bytes(&d->in, 16))) return bad();
        memcpy(&q, p, 16);
        return PyComplex_FromCComplex(q);
    }
    case 'w': return decode_marked(d);
    case 'R':
        if (!(p = read_bytes(&d->in, 1)) || !d->scalars[*p]) return bad();
        return Py_NewRef(d->scalars[*p]);
    case 'b':
        n = read_u32(&d->in);
        if (!(p = read_bytes(&d->in, n))) return bad();
        return PyBytes_FromStringAndSize((const char *)p, n);
    case 'B':
        n = read_u32(&d->in);
        if (!(p = read_bytes(&d->in, n))) return bad();
        return PyByteArray_FromStringAndSize((const char *)p, n);
    case 'a': return decode_array(d);
    case 'l': return decode_list(d, depth, index);
    case 't':
        a = decode_list(d, depth, NOT_SHARED);
        if (!a) return NULL;
        x = PyList_AsTuple(a);
        Py_DECREF(a);
        return x;
    case 'S': return decode_set(d, 0, depth);
    case 'Z': return decode_set(d, 1, depth);
    case 'd': return decode_dict(d, depth, index);
    case 'C': return call_one(captured.counter, decode_dict(d, depth, NOT_SHARED));
    case 'O': return call_one(&PyODict_Type, decode_dict(d, depth, NOT_SHARED));
    case 'X':
        a = decode_dict(d, depth, NOT_SHARED);
        x = a ? PyObject_CallFunctionObjArgs((PyObject *)captured.default_dict, Py_None, a, NULL) : NULL;
        Py_XDECREF(a);
        return x;
    case 'D':
        a = decode_at(d, depth + 1);
        if (a && !PyUnicode_CheckExact(a)) {
            Py_DECREF(a);
            return bad();
        }
        return call_one(captured.decimal, a);
    case 'Q': return decode_fraction(d, depth);
    case 'r': return decode_range(d, depth);
    case 'q': return decode_deque(d, depth);
    case 'k': case 'K': case 'V': return decode_view(d, tag, depth);
    case 'g': return decode_iterator(d, depth);
    case 'Y':
        if (numbers(d, v, 3)) return bad();
        return PyDateTimeAPI->Date_FromDate(v[0], v[1], v[2], PyDateTimeAPI->DateType);
    case 'A': return decode_datetime(d, depth);
    case 'h': return decode_time(d, depth);
    case 'm':
        if (numbers(d, v, 3)) return bad();
        return PyDateTimeAPI->Delta_FromDelta(v[0], v[1], v[2], 1, PyDateTimeAPI->DeltaType);
    case 'z':
        a = decode_at(d, depth + 1);
        if (!a) return NULL;
        x = PyDelta_Check(a) ? PyTimeZone_FromOffset(a) : bad();
        Py_DECREF(a);
        return x;
    case 'U': return decode_member(d, depth);
    case 'p': return decode_own_name(d, depth);
    case 'H':
        n = read_u32(&d->in);
        if (!(p = read_bytes(&d->in, 2))) return bad();
        if (!read_bytes(&d->in, p[1])) return bad();
        x = d->own ? held_object(n) : remote_object(n, p[0], p + 2, p[1]);
        return x ? x : bad();
    case 'n': return Py_NewRef(Py_NotImplemented);
    case 'L': return decode_slice(d, depth);
    case 'v':
        n = read_u32(&d->in);
        if (!(p = read_bytes(&d->in, n))) return bad();
        a = PyBytes_FromStringAndSize((const char *)p, n);
        x = a ? PyMemoryView_FromObject(a) : NULL;
        Py_XDECREF(a);
        return x;
    case 'M':
        a = decode_at(d, depth + 1);
        x = a && PyDict_Check(a) ? PyDictProxy_New(a) : bad();
        Py_XDECREF(a);
        return x;
    case 'j': return decode_namespace(d, depth);
    case 'x': return decode_exception(d, depth);
    case 'W': return decode_wrapper(d, depth);
    case 'J': return decode_dataclass(d, depth);
    case 'P':
        a = decode_at(d, depth + 1);
        if (a && !PyUnicode_CheckExact(a)) {
            Py_DECREF(a);
            return bad();
        }
        return call_one(captured.pure_path, a);
    case 'o': return PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    case 'y': {
        int i = flag(d);
        if (i < 0 || i >= captured.type_count) return bad();
        return Py_NewRef((PyObject *)captured.types[i]);
    }
    }
    return bad();
}

static PyObject *decode_shared(Decoder *d, int depth) {
    if (d->count == d->size) {
        uint32_t size = d->size ? d->size * 2 : 16;
        PyObject **bigger = realloc(d->shared, size * sizeof *bigger);
        if (!bigger) return PyErr_NoMemory();
        d->shared = bigger;
        d->size = size;
    }
    uint32_t index = d->count++;
    d->shared[index] = NULL;
    int tag = flag(d);
    if (tag < 0 || tag == '*' || tag == '@') return bad();
    PyObject *x = decode_tagged(d, tag, depth, index);
    remember(d, index, x);
    return x;
}

static PyObject *decode_at(Decoder *d, int depth) {
    if (depth > MAX_DEPTH + 4) return bad();
    int tag = flag(d);
    if (tag == '*') return decode_shared(d, depth);
    if (tag == '@') {
        uint32_t i = read_u32(&d->in);
        return i < d->count && d->shared[i] ? Py_NewRef(d->shared[i]) : bad();
    }
    return tag < 0 ? bad() : decode_tagged(d, tag, depth, NOT_SHARED);
}

PyObject *decode(const unsigned char *p, uint32_t n, PyObject *enums, PyObject *own) {
    Decoder d = {.in = {p, p + n}, .enums = enums, .own = own};
    PyObject *x = decode_at(&d, 0);
    for (uint32_t i = 0; i < d.count; i++) Py_XDECREF(d.shared[i]);
    free(d.shared);
    while (d.slots_used) Py_DECREF(d.scalars[d.slots[--d.slots_used]]);
    if (x && d.in.at != d.in.end) {
        Py_DECREF(x);
        return bad();
    }
    return x;
}
