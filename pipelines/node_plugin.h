/*
 * The header of a node plugin: kinds of nodes in a shared object that Percept finds in a folder
 * (docs/nodes.md). Every source file of the plugin includes it; one of them says
 * PIPE_NODE_PLUGIN(&first, &second...); with its struct pipe_node_class. Build with
 * -fvisibility=hidden, link with -Wl,-z,defs and no library of Percept's: what a plugin may call
 * comes by pointers (the table below), so it works in every program that loads it.
 *
 * All of this and what it includes is one interface of one version, PIPE_NODE_VERSION. The first
 * two members of struct pipe_node_plugin never change. A C++ plugin includes it as it stands; no
 * exception may leave one of its functions.
 */
#ifndef PIPELINES_NODE_PLUGIN_H
#define PIPELINES_NODE_PLUGIN_H

#ifdef __cplusplus
extern "C" {
#endif

#include "pipelines/node.h"

/* The name of the exported object. */
#define PIPE_NODE_PLUGIN_SYMBOL "percept_nodes"

/* One row a function; what it does is said where it is declared. */
#define PIPE_NODE_CALLS_TABLE(X)   \
    X(percept_error_fill)          \
    X(percept_error_fill_errno)    \
    X(percept_error_format)        \
    X(percept_status_text)         \
    X(base_pool_run)               \
    X(base_pool_threads)           \
    X(pipe_model_prt)              \
    X(pipe_model_run)              \
    X(pipe_model_image_input)      \
    X(pipe_model_output)           \
    X(prt_model_input_count)       \
    X(prt_model_output_count)      \
    X(prt_model_input_spec)        \
    X(prt_model_output_spec)       \
    X(prt_model_input_data)        \
    X(prt_model_output_data)       \
    X(prt_model_set_input)         \
    X(prt_model_get_output)        \
    X(prt_dtype_size)              \
    X(prt_dtype_name)              \
    X(prt_tensor_bytes)            \
    X(prt_tensor_elements)         \
    X(prt_tensor_strides)          \
    X(prt_tensor_is_contiguous)    \
    X(prt_tensor_is_channels_last) \
    X(prt_tensor_describe)

struct pipe_node_calls {
#define PIPE_NODE_CALL(name) __typeof__(name) *name;
    PIPE_NODE_CALLS_TABLE(PIPE_NODE_CALL)
#undef PIPE_NODE_CALL
};

/* What the compiler made of all this. It differs where somebody changed a struct or a list and
 * forgot the version, and where structs are laid out by other rules. */
#define PIPE_NODE_LAYOUT_TABLE(X)            \
    X(sizeof(struct pipe_node_class))        \
    X(sizeof(struct pipe_node_setup))        \
    X(sizeof(struct pipe_port))              \
    X(sizeof(struct pipe_param))             \
    X(sizeof(struct pipe_texts))             \
    X(sizeof(struct pipe_frame))             \
    X(sizeof(struct pipe_detections))        \
    X(sizeof(struct pipe_regions))           \
    X(sizeof(struct percept_hands))          \
    X(sizeof(struct percept_hands_presence)) \
    X(sizeof(struct pipe_tensors))           \
    X(sizeof(struct percept_text))           \
    X(sizeof(struct percept_text_selected))  \
    X(sizeof(struct percept_captions))       \
    X(sizeof(struct pipe_audio))             \
    X(sizeof(struct pipe_speech))            \
    X(sizeof(struct pipe_depth))             \
    X(sizeof(struct percept_planes))         \
    X(sizeof(struct pipe_text_regions))      \
    X(sizeof(struct pipe_image_input))       \
    X(sizeof(struct prt_tensor))             \
    X(sizeof(struct pipe_node_calls))        \
    X(PIPE_STREAM_TYPES)                     \
    X(PIPE_PARAM_KINDS)

struct pipe_node_plugin {
    uint32_t version;                             /* PIPE_NODE_VERSION */
    uint32_t class_bytes;                         /* sizeof(struct pipe_node_class) */
    uint32_t layout[24];                          /* the rows of PIPE_NODE_LAYOUT_TABLE */
    const struct pipe_node_class *const *classes; /* NULL-terminated */
    /* Where the functions are put, before anything of a class is called. */
    const struct pipe_node_calls **calls;
};

#ifndef PIPE_NODE_PLUGIN_HOST /* what follows is the plugin's side */

/* Of the whole plugin. Set when it is loaded, not yet in constructors. */
extern const struct pipe_node_calls *percept_node_calls __attribute__((visibility("hidden")));
extern const struct pipe_node_plugin percept_nodes __attribute__((visibility("default")));

/* What is called by its name is called in the program that loaded us; one row for each of
 * PIPE_NODE_CALLS_TABLE. */
#define percept_error_fill          (percept_node_calls->percept_error_fill)
#define percept_error_fill_errno    (percept_node_calls->percept_error_fill_errno)
#define percept_error_format        (percept_node_calls->percept_error_format)
#define percept_status_text         (percept_node_calls->percept_status_text)
#define base_pool_run               (percept_node_calls->base_pool_run)
#define base_pool_threads           (percept_node_calls->base_pool_threads)
#define pipe_model_prt              (percept_node_calls->pipe_model_prt)
#define pipe_model_run              (percept_node_calls->pipe_model_run)
#define pipe_model_image_input      (percept_node_calls->pipe_model_image_input)
#define pipe_model_output           (percept_node_calls->pipe_model_output)
#define prt_model_input_count       (percept_node_calls->prt_model_input_count)
#define prt_model_output_count      (percept_node_calls->prt_model_output_count)
#define prt_model_input_spec        (percept_node_calls->prt_model_input_spec)
#define prt_model_output_spec       (percept_node_calls->prt_model_output_spec)
#define prt_model_input_data        (percept_node_calls->prt_model_input_data)
#define prt_model_output_data       (percept_node_calls->prt_model_output_data)
#define prt_model_set_input         (percept_node_calls->prt_model_set_input)
#define prt_model_get_output        (percept_node_calls->prt_model_get_output)
#define prt_dtype_size              (percept_node_calls->prt_dtype_size)
#define prt_dtype_name              (percept_node_calls->prt_dtype_name)
#define prt_tensor_bytes            (percept_node_calls->prt_tensor_bytes)
#define prt_tensor_elements         (percept_node_calls->prt_tensor_elements)
#define prt_tensor_strides          (percept_node_calls->prt_tensor_strides)
#define prt_tensor_is_contiguous    (percept_node_calls->prt_tensor_is_contiguous)
#define prt_tensor_is_channels_last (percept_node_calls->prt_tensor_is_channels_last)
#define prt_tensor_describe         (percept_node_calls->prt_tensor_describe)

/* At file scope, once in a plugin: export the struct pipe_node_class at these addresses. */
#define PIPE_NODE_NUMBER(number) (uint32_t)(number),
#define PIPE_NODE_PLUGIN(...)                                                             \
    static const struct pipe_node_class *const percept_node_classes[] = {__VA_ARGS__, 0}; \
    const struct pipe_node_calls *percept_node_calls;                                     \
    const struct pipe_node_plugin percept_nodes = {                                       \
        PIPE_NODE_VERSION,                                                                \
        sizeof(struct pipe_node_class),                                                   \
        {PIPE_NODE_LAYOUT_TABLE(PIPE_NODE_NUMBER)},                                       \
        percept_node_classes,                                                             \
        &percept_node_calls,                                                              \
    }

#endif

#ifdef __cplusplus
}
#endif

#endif
