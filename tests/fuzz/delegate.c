/* Why: a fuzzer that starts from a blob does not have to find its way through a `.pte` first. */
#include "delegate.h"
#include "runtime/program_data.h"

#include <stdlib.h>

enum { ARGS = 7 };

void fuzz_delegate(const char *id, const uint8_t *data, size_t size)
{
    static const enum prt_dtype types[] = {PRT_F32, PRT_I8, PRT_I32, PRT_I64};
    if (size == 0)
        return;
    uint32_t count = data[0] & ARGS;
    struct prt_program_tensor tensor = {.spec = {.dtype = types[(data[0] >> 3) & 3],
                                                 .rank = 4,
                                                 .sizes = {1, 2, 3, 3},
                                                 .dim_order = {0, 1, 2, 3}}};
    if (!prt_tensor_bytes(&tensor.spec, &tensor.bytes))
        abort();
    struct prt_program_value values[ARGS];
    uint32_t ids[ARGS];
    for (uint32_t i = 0; i < ARGS; i++) {
        values[i] = (struct prt_program_value){.kind = PRT_VALUE_TENSOR, .tensor = &tensor};
        ids[i] = i;
    }
    /* All but the last are given; the last is what the program returns. */
    struct prt_delegate delegate = {.id = id, .blob = {data + 1, size - 1}};
    struct prt_instruction call = {.kind = PRT_INSTRUCTION_DELEGATE, .count = count, .args = ids};
    uint32_t output = count ? count - 1 : 0;
    char name[] = "forward", file[] = "fuzz";
    struct prt_method method = {.name = name,
                                .values = values,
                                .value_count = ARGS,
                                .inputs = ids,
                                .input_count = output,
                                .outputs = &output,
                                .output_count = count ? 1 : 0,
                                .instructions = &call,
                                .instruction_count = 1,
                                .delegates = &delegate,
                                .delegate_count = 1};
    struct prt_program program = {
        .name = file, .file = {data, size}, .methods = &method, .method_count = 1};
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    enum percept_status status = prt_program_import(&program, name, &graph, &error);
    if (status != PERCEPT_OK) {
        if (error.status != status || error.message[0] == '\0')
            abort();
        return;
    }
    char *text = prt_graph_dump(graph);
    if (!text)
        abort();
    free(text);
    prt_graph_destroy(graph);
}
