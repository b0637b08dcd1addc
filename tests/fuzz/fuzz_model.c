/*
 * A `.pte` file, taken all the way: whatever imports is rewritten, planned, compiled and run, as
 * imported and fused. Graphs that would take long only because they are large are left out.
 *
 * Build with the preset "fuzz"; run: tools/fuzz.sh 60 model
 */
#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <stdint.h>
#include <stdlib.h>

#define LARGEST (4u << 20) /* bytes of all tensors together */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_large(const struct prt_graph *graph)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < graph->value_count && bytes <= LARGEST; i++)
        if (graph->values[i].kind == PRT_VALUE_TENSOR)
            bytes = graph->values[i].bytes > LARGEST ? LARGEST + 1 : bytes + graph->values[i].bytes;
    return bytes > LARGEST;
}

static void run(const struct prt_program *program, const char *method, bool fuse)
{
    static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
    struct prt_model_options options = {.backends = backends, .no_fusion = !fuse};
    struct prt_graph *graph = NULL;
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    if (prt_program_import(program, method, &graph, &error) != PERCEPT_OK)
        return;
    enum percept_status status =
        is_large(graph) ? PERCEPT_LIMIT : prt_model_from_graph(graph, &options, &model, &error);
    if (status == PERCEPT_OK)
        status = prt_model_run(model, &error);
    else
        prt_graph_destroy(graph);
    /* What imports has passed the checks: a pass that breaks them is at fault, not the file. */
    if (status == PERCEPT_MALFORMED || status == PERCEPT_INTERNAL)
        abort();
    prt_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prt_program *program = NULL;
    if (prt_program_open_buffer(data, size, "fuzz", &program, NULL) != PERCEPT_OK)
        return 0;
    for (size_t i = 0; i < prt_program_method_count(program); i++)
        for (int fuse = 0; fuse < 2; fuse++)
            run(program, prt_program_method_name(program, i), fuse);
    prt_program_close(program);
    return 0;
}
