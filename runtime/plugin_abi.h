/*
 * What a plugin and the program that loads it agree on: one exported object, and the functions of
 * the runtime that a plugin may call. Plugins include runtime/plugin.h.
 *
 * The functions come by pointers, so a plugin links against nothing of Percept's: it works in every
 * program that loads it, however that has the runtime in it, and there is no second copy of a
 * function that would have to agree with the first.
 *
 * All of this, backend.h and graph.h with what it includes is one interface of one version,
 * PRT_BACKEND_VERSION: whoever changes a struct, a number or a meaning there raises it. The first
 * two members of struct prt_plugin never change.
 */
#ifndef RUNTIME_PLUGIN_ABI_H
#define RUNTIME_PLUGIN_ABI_H

#include "runtime/backend.h"
#include "runtime/deferred.h"

/* The name of the exported object. */
#define PRT_PLUGIN_SYMBOL "percept_backend"

/* One row a function; what it does is said where it is declared. */
#define PRT_PLUGIN_CALLS_TABLE(X)  \
    X(percept_error_fill)          \
    X(percept_error_fill_errno)    \
    X(percept_error_format)        \
    X(percept_status_text)         \
    X(base_pool_run)               \
    X(base_pool_threads)           \
    X(prt_dtype_known)             \
    X(prt_dtype_size)              \
    X(prt_dtype_name)              \
    X(prt_tensor_bytes)            \
    X(prt_tensor_elements)         \
    X(prt_tensor_strides)          \
    X(prt_tensor_is_contiguous)    \
    X(prt_tensor_is_channels_last) \
    X(prt_tensor_same_sizes)       \
    X(prt_tensor_same_layout)      \
    X(prt_tensor_describe)         \
    X(prt_op_name)                 \
    X(prt_op_layout)               \
    X(prt_binary_name)             \
    X(prt_unary_name)              \
    X(prt_value_int)               \
    X(prt_slice_range)             \
    X(prt_deferred_read)           \
    X(prt_deferred_read_part)

struct prt_plugin_calls {
#define PRT_PLUGIN_CALL(name) __typeof__(name) *name;
    PRT_PLUGIN_CALLS_TABLE(PRT_PLUGIN_CALL)
#undef PRT_PLUGIN_CALL
};

/* What the compiler made of all this. It differs where somebody changed a struct or a list and
 * forgot the version, and where structs are laid out by other rules. */
#define PRT_PLUGIN_LAYOUT_TABLE(X)     \
    X(sizeof(struct prt_backend))      \
    X(sizeof(struct prt_compile))      \
    X(sizeof(struct prt_execution))    \
    X(sizeof(struct prt_graph))        \
    X(sizeof(struct prt_value))        \
    X(sizeof(struct prt_node))         \
    X(sizeof(struct prt_plugin_calls)) \
    X(PRT_OP_COUNT)                    \
    X(PRT_UNARY_COUNT)                 \
    X(PRT_BINARY_COUNT)

struct prt_plugin {
    uint32_t version;       /* PRT_BACKEND_VERSION */
    uint32_t backend_bytes; /* sizeof(struct prt_backend) */
    uint32_t layout[10];    /* the rows of PRT_PLUGIN_LAYOUT_TABLE */
    const struct prt_backend *backend;
    /* Where the functions are put, before anything of the backend is called. */
    const struct prt_plugin_calls **calls;
};

#endif
