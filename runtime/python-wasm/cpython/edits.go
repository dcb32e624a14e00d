package cpython

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// edit replaces text of a source file that occurs in it once.
type edit struct{ File, Old, New string }

// edits change CPython in four ways.
//
// They make its allocator cheap to call, for WASI only. A small object costs two calls through pointers and three loads to find
// the interpreter's pools; here they are known: there is one interpreter and, but for tracemalloc, one allocator. A call is dear in
// the machine code of a compiler that compiles at start-up, one through a pointer dearer.
//
// A MemoryError survives the end of the memory: where a function that raised it is left and there is no room for its caller's
// frame object, CPython 3.13 drops the exception that is on its way, and a SystemError without meaning is what comes out.
//
// The parser makes a name of a token once. It tries rule after rule, and makes as many equal names, each interned anew.
//
// And the parser and all else that recurses in C have the depth that they have natively. CPython lowers it for WASI, where stacks are
// small; package image gives it a large one. With less, a literal that is nested 150 deep is a MemoryError.
var edits = []edit{
	{
		"Python/frame.c",
		"        PyFrameObject *back = _PyFrame_GetFrameObject(prev);\n",
		"        PyObject *raised = PyErr_GetRaisedException();\n" +
			"        PyFrameObject *back = _PyFrame_GetFrameObject(prev);\n" +
			"        PyErr_SetRaisedException(raised);\n",
	},
	{
		"Python/frame.c",
		"            assert(PyErr_ExceptionMatches(PyExc_MemoryError));\n" +
			"            /* Nothing we can do about it */\n" +
			"            PyErr_Clear();\n",
		"            /* The link stays empty. */\n",
	},
	{
		"Objects/obmalloc.c",
		"    PyInterpreterState *interp = _PyInterpreterState_GET();\n" +
			"    assert(interp->obmalloc != NULL); // otherwise not initialized or freed\n" +
			"    return interp->obmalloc;\n",
		"#ifdef __wasi__\n" +
			"    return &obmalloc_state_main;\n" +
			"#else\n" +
			"    PyInterpreterState *interp = _PyInterpreterState_GET();\n" +
			"    assert(interp->obmalloc != NULL); // otherwise not initialized or freed\n" +
			"    return interp->obmalloc;\n" +
			"#endif\n",
	},
	{
		"Objects/obmalloc.c",
		"void *\nPyObject_Malloc(size_t size)\n{\n",
		"#ifdef __wasi__\n" +
			"static inline void *direct_malloc(size_t size);\n" +
			"static inline void direct_free(void *p);\n" +
			"#endif\n" +
			"\nvoid *\nPyObject_Malloc(size_t size)\n{\n",
	},
	{
		"Objects/obmalloc.c",
		"    return _PyObject.malloc(_PyObject.ctx, size);\n",
		"#ifdef __wasi__\n" +
			"    if (__builtin_expect(_PyObject.malloc == _PyObject_Malloc, 1)) return direct_malloc(size);\n" +
			"#endif\n" +
			"    return _PyObject.malloc(_PyObject.ctx, size);\n",
	},
	{
		"Objects/obmalloc.c",
		"    _PyObject.free(_PyObject.ctx, ptr);\n",
		"#ifdef __wasi__\n" +
			"    if (__builtin_expect(_PyObject.free == _PyObject_Free, 1)) {\n" +
			"        direct_free(ptr);\n" +
			"        return;\n" +
			"    }\n" +
			"#endif\n" +
			"    _PyObject.free(_PyObject.ctx, ptr);\n",
	},
	{
		"Objects/obmalloc.c",
		"void *\n_PyObject_Malloc(void *ctx, size_t nbytes)\n{\n    OMState *state = get_state();\n",
		"#ifdef __wasi__\n" +
			"static inline void *\ndirect_malloc(size_t size)\n{\n" +
			"    void *p = pymalloc_alloc(get_state(), NULL, size);\n" +
			"    return LIKELY(p != NULL) ? p : _PyObject_Malloc(NULL, size);\n" +
			"}\n" +
			"#endif\n" +
			"\nvoid *\n_PyObject_Malloc(void *ctx, size_t nbytes)\n{\n    OMState *state = get_state();\n",
	},
	{
		"Objects/obmalloc.c",
		"void\n_PyObject_Free(void *ctx, void *p)\n{\n",
		"#ifdef __wasi__\n" +
			"static inline void\ndirect_free(void *p)\n{\n" +
			"    OMState *state = get_state();\n" +
			"    if (p && UNLIKELY(!pymalloc_free(state, NULL, p))) {\n" +
			"        PyMem_RawFree(p);\n" +
			"        raw_allocated_blocks--;\n" +
			"    }\n" +
			"}\n" +
			"#endif\n" +
			"\nvoid\n_PyObject_Free(void *ctx, void *p)\n{\n",
	},
	{
		"Objects/longobject.c",
		"    Py_TYPE(self)->tp_free(self);\n",
		"#ifdef __wasi__\n" +
			"    if (PyLong_CheckExact(self)) {\n" +
			"        PyObject_Free(self);\n" +
			"        return;\n" +
			"    }\n" +
			"#endif\n" +
			"    Py_TYPE(self)->tp_free(self);\n",
	},
	{
		"Parser/pegen.h",
		"    PyObject *metadata;\n} Token;\n",
		"    PyObject *metadata;\n    expr_ty name;\n} Token;\n",
	},
	{
		"Parser/pegen.c",
		"_PyPegen_name_from_token(Parser *p, Token* t)\n{\n    if (t == NULL) {\n        return NULL;\n    }\n",
		"_PyPegen_name_from_token(Parser *p, Token* t)\n{\n    if (t == NULL || t->name != NULL) {\n        return t ? t->name : NULL;\n    }\n",
	},
	{
		"Parser/pegen.c",
		"    return _PyAST_Name(id, Load, t->lineno, t->col_offset, t->end_lineno,\n                       t->end_col_offset, p->arena);\n",
		"    t->name = _PyAST_Name(id, Load, t->lineno, t->col_offset, t->end_lineno,\n                          t->end_col_offset, p->arena);\n    return t->name;\n",
	},
	{"Parser/parser.c", "#    define MAXSTACK 4000\n", "#    define MAXSTACK 6000\n"},
	{"Include/cpython/pystate.h", "#  define Py_C_RECURSION_LIMIT 5000\n", "#  define Py_C_RECURSION_LIMIT 10000\n"},
}

// applyEdits changes the sources in the folder src.
func applyEdits(src string, edits []edit) error {
	for _, e := range edits {
		name := filepath.Join(src, filepath.FromSlash(e.File))
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("edit the sources: %w", err)
		}
		text := string(b)
		if n := strings.Count(text, e.Old); n != 1 {
			return fmt.Errorf("edit the sources: %s holds %d times what is to be replaced once: %.60q", e.File, n, e.Old)
		}
		if err := os.WriteFile(name, []byte(strings.Replace(text, e.Old, e.New, 1)), 0o644); err != nil {
			return fmt.Errorf("edit the sources: %w", err)
		}
	}
	return nil
}
