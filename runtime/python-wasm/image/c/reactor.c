/* The reactor's life: CPython is initialised once (harness_init), modules are imported (harness_warm), and the memory is then
 * frozen as the snapshot from which every sandbox starts. */
#include "reactor.h"

unsigned char *input_buffer, *output_buffer;

/* Package wasm makes every function and loop count fuel down and call this when there is none. */
IMPORT("refill") void host_refill(void);
EXPORT("harness_refill") void harness_refill(void) { host_refill(); }

EXPORT("harness_input") unsigned char *harness_input(void) { return input_buffer; }
EXPORT("harness_output") unsigned char *harness_output(void) { return output_buffer; }

static int failed(PyStatus status) {
    fprintf(stderr, "initialise CPython: %s: %s\n", status.func ? status.func : "?", status.err_msg ? status.err_msg : "?");
    return 1;
}

EXPORT("harness_init") int harness_init(int unused) {
    PyPreConfig pre;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    PyStatus status = Py_PreInitialize(&pre);
    if (PyStatus_Exception(status)) return failed(status);

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.use_hash_seed = 1; /* the order of sets must not differ between runs */
    config.hash_seed = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    config.install_signal_handlers = 0;
    config.user_site_directory = 0;
    config.parse_argv = 0;
    config.buffered_stdio = 1;
    config._install_importlib = 1;
    PyConfig_SetString(&config, &config.program_name, L"python3");
    PyConfig_SetString(&config, &config.executable, L"");
    PyConfig_SetString(&config, &config.home, L"/");
    config.module_search_paths_set = 1;
    PyWideStringList_Append(&config.module_search_paths, L"/lib/python3.13");
    status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) return failed(status);

    input_buffer = malloc(BUFFER_SIZE);
    output_buffer = malloc(BUFFER_SIZE);
    return !input_buffer || !output_buffer;
}

/* Fills the pools of Python's small objects that have room. A program's first objects then lie together in fresh pools of a page
 * each, and not one each in many old pages, every one of which it costs a copy to write to. A pool begins with the number of its
 * objects; one that holds a single one was empty. */
static void fill_pools(void) {
    for (size_t size = 8; size <= 512; size += 8) {
        uint32_t *p;
        do {
            if (!(p = PyObject_Malloc(size))) return;
        } while (*(uint32_t *)((uintptr_t)p & ~(uintptr_t)4095) != 1);
        PyObject_Free(p);
    }
}

int streams_capture(void);  /* candidate.c */
int immortalise(void);      /* immortal.c */
void fill_gaps(void);       /* memory.c */
void memory_baseline(void);

/* Runs the n bytes of Python in the input buffer as the warm-up, captures what the other parts need while the interpreter is
 * clean, and leaves as little behind for a program to find as possible. */
EXPORT("harness_warm") int harness_warm(int n) {
    input_buffer[n] = 0;
    PyObject *names = PyDict_New();
    PyObject *done = NULL;
    int result = 1;
    if (names && !PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()))
        done = PyRun_String((char *)input_buffer, Py_file_input, names, names);
    captured.await = done ? Py_XNewRef(PyDict_GetItemString(names, "finish")) : NULL;
    captured.awaited = done ? Py_XNewRef(PyDict_GetItemString(names, "finished")) : NULL;
    captured.generator = done ? Py_XNewRef(PyDict_GetItemString(names, "generator")) : NULL;
    if (captured.await && captured.awaited && captured.generator) result = values_capture() || streams_capture() || remote_capture();
    Py_XDECREF(done);
    Py_XDECREF(names);
    PyGC_Collect();
    result = result || immortalise();
    PyObject *gc = result ? NULL : PyImport_ImportModule("gc");
    PyObject *frozen = gc ? PyObject_CallMethod(gc, "freeze", NULL) : NULL; /* keeps collections from writing to every object */
    Py_XDECREF(frozen);
    Py_XDECREF(gc);
    if (PyErr_Occurred()) {
        PyErr_Print();
        result = 1;
    }
    PyGC_Collect(); /* empties the lists of objects kept for reuse */
    fill_pools();
    fill_gaps();
    memset(input_buffer, 0, BUFFER_SIZE);
    memset(output_buffer, 0, BUFFER_SIZE);
    memory_baseline();
    return result;
}

/* The linker wants one for the C runtime; a reactor never calls it. */
int main(int argc, char **argv) { return 0; }
