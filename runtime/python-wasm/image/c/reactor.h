/* What the parts of the reactor share: buffers, records, encoder and decoder of values. */
#ifndef REACTOR_H
#define REACTOR_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <datetime.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name), visibility("default")))
#define IMPORT(name) __attribute__((import_module("harness"), import_name(name)))

/* Size of the input and of the output buffer; package sandbox has the same number. */
#define BUFFER_SIZE (16u << 20)
/* Flags of an iterator: it was cut, it was a generator. */
enum { ITERATOR_CUT = 1, ITERATOR_GENERATOR = 2 };
/* Values nested deeper than this do not cross. It stays below Py_C_RECURSION_LIMIT. */
#define MAX_DEPTH 300

extern unsigned char *input_buffer, *output_buffer;

/* ---- reading the input: a cursor that never passes its end */
typedef struct { const unsigned char *at, *end; } Reader;
uint32_t read_u32(Reader *r);
const unsigned char *read_bytes(Reader *r, uint32_t n);

/* ---- records in the output buffer: u32 used, then (u32 id, u8 status, u32 length, bytes) each */
enum status {
    STATUS_VALUE = 0,     /* an encoded value, or success */
    STATUS_EXCEPTION = 1, /* type name, NUL, message */
    STATUS_FOREIGN = 2,   /* type name of a value that cannot cross */
    STATUS_LARGE = 3,
    STATUS_DEEP = 4,
    STATUS_SYNTAX = 5,
    STATUS_EXIT = 6,
    STATUS_FALSE = 7,
    STATUS_UNDECODABLE = 8,
    STATUS_MEMORY = 9,
    STATUS_REMOTE = 10,   /* an encoded value with objects in it that stay in the program's interpreter */
};
#define ID_PROGRAM 0xFFFFFFFFu
#define ID_SETUP 0xFFFFFFFEu
#define ID_DONE 0xFFFFFFFDu

void records_begin(void);
int record_open(uint32_t id);              /* 0, or 1 when the buffer is full */
void record_close(int status);
void record_rewind(void);                  /* drops what was put since record_open */
void record(uint32_t id, int status, const char *text);
void record_exception(uint32_t id, int compiling); /* takes the current exception */
uint32_t output_used(void);
void output_truncate(uint32_t used);
void output_patch(uint32_t at, uint32_t value);
unsigned char *output_reserve(uint32_t n); /* NULL when it does not fit */
int put(const void *p, uint32_t n);        /* 0 or STATUS_LARGE */
int put_u8(int v);
int put_u32(uint32_t v);
void put_text(PyObject *s, uint32_t limit);
void record_value(uint32_t id, PyObject *value); /* encodes it */

/* ---- values (encode.c, decode.c); both need values_capture before any foreign code ran */
int values_capture(void);
int encode(PyObject *value);               /* a status */
int encode_program(PyObject *value, int *remote); /* where objects may stay in this interpreter; remote says whether some did */
int encode_name(PyObject *name);
/* Enum classes are looked up in enums, names of the program in own; both may be NULL. */
PyObject *decode(const unsigned char *p, uint32_t n, PyObject *enums, PyObject *own);

/* The global names of the program (candidate.c), borrowed; NULL with an exception. */
PyObject *program_names(void);

/* What the program printed reaches the host with flush_output (candidate.c). */
extern PyObject *standard_output;
void flush_output(void);

/* ---- names and objects of the program in the grader's interpreter (remote.c) */
int remote_capture(void);
PyObject *remote_new(const char *name, uint32_t n);
PyObject *remote_object(uint32_t number, int abilities, const unsigned char *type, uint32_t n);
const char *remote_type_name(PyObject *o); /* of the object that o stands for; NULL where it stands for none */
int encode_remote(PyObject *o); /* a status; -1 where o is no Remote */
/* The other side, in the program's interpreter. */
int encode_held(PyObject *o);
PyObject *held_object(uint32_t number);

typedef struct {
    PyDateTime_CAPI *datetime;
    PyTypeObject *decimal, *fraction, *deque, *counter, *default_dict, *enum_, *array, *keys, *items, *values;
    PyTypeObject *wrappers[5];             /* UserDict, UserList, UserString, ChainMap, UUID: what is in one is its value */
    PyObject *uuid_number;                 /* member descriptor of UUID */
    PyTypeObject *namespace, *pure_path;
    PyObject *path_text;                   /* PurePath.__str__ */
    PyObject *make_dataclass;
    PyObject *numerator, *denominator;     /* member descriptors of Fraction */
    PyObject *max_length;                  /* getset descriptor of deque */
    PyObject *utc_offset;                  /* method descriptor of timezone */
    PyObject *enum_name;                   /* the str "_name_" */
    PyObject *truncated;                   /* ["iterator cut …"], for the error of a cut iterator */
    PyObject *chain;                       /* itertools.chain */
    PyObject *await;                       /* finishes an awaitable (py/warm.py) */
    PyObject *generator;                   /* one over the items of an iterator */
    PyObject *awaited;                     /* an iterator that ends at once, with what a function returns for its value */
    PyTypeObject **types;                  /* types that cross by number */
    int type_count;
    reprfunc decimal_text;
} Captured;
extern Captured captured;
/* datetime.h gives every file that includes it a pointer of its own, which is NULL until that file imports it. */
#define PyDateTimeAPI (captured.datetime)

#endif
