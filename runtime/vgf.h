/*
 * The VGF container: SPIR-V graphs of TOSA operators with their constants, as Arm's compiler writes
 * them for VK_ARM_data_graph. Version 0.4; source: "VGF File Format" and vgf.fbs of Arm's ML SDK
 * VGF library.
 *
 * A header, three FlatBuffers (modules, the sequence in which they run, resources) and a section of
 * constants. All is checked here: indices are in range, bytes lie in the file, and have the size of
 * their tensor. But of the SPIR-V only that it has the graph and that the graph has its constants;
 * what else it says is for the driver to read.
 */
#ifndef RUNTIME_VGF_H
#define RUNTIME_VGF_H

#include "base/arena.h"
#include "base/status.h"
#include "runtime/tensor.h"

enum { PRT_VGF_SETS = 8 }; /* descriptor sets of a segment */

enum prt_vgf_category {
    PRT_VGF_INPUT,
    PRT_VGF_OUTPUT,
    PRT_VGF_INTERMEDIATE,
    PRT_VGF_CONSTANT,
};

/* A tensor, row-major. */
struct prt_vgf_resource {
    enum prt_vgf_category category;
    uint32_t format; /* a VkFormat */
    enum prt_dtype dtype;
    uint32_t rank; /* at least 1 */
    int64_t sizes[PRT_MAX_RANK];
    size_t bytes;
};

struct prt_vgf_constant {
    uint32_t resource;
    const void *data; /* as many bytes as the resource has */
};

struct prt_vgf_module {
    const char *entry;
    const uint32_t *words; /* SPIR-V */
    uint32_t word_count;
};

struct prt_vgf_binding {
    uint32_t set, binding, resource;
};

/* One graph to dispatch. */
struct prt_vgf_segment {
    uint32_t module;
    const struct prt_vgf_binding *bindings; /* sorted by set and binding, each pair once */
    uint32_t binding_count, set_count;      /* set_count <= PRT_VGF_SETS */
    const uint32_t *constants;              /* the graph's constant i is this one of the file's */
    uint32_t constant_count;
};

struct prt_vgf {
    struct base_arena arena;
    const struct prt_vgf_resource *resources;
    const struct prt_vgf_constant *constants;
    const struct prt_vgf_module *modules;
    const struct prt_vgf_segment *segments; /* in the order in which they run */
    const uint32_t *inputs, *outputs;       /* resources, in the order of the model's arguments */
    uint32_t resource_count, constant_count, module_count, segment_count, input_count, output_count;
};

/* Read a file into *vgf; what it points to lies in the file, which outlives it, or its arena. */
enum percept_status prt_vgf_parse(struct prt_vgf *vgf, const void *bytes, size_t size,
                                  struct percept_error *error);

/* Of one that was parsed, or zeroed. */
void prt_vgf_reset(struct prt_vgf *vgf);

#endif
