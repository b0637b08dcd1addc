/* Why: a fuzzer that starts from a blob does not have to find its way through a `.pte` first. */
#include "delegate.h"
#include "check.h"
#include "runtime/program_data.h"

#include <stdlib.h>

enum { ARGS = 7, TYPES = 8, RANK = 6 };

static const enum prt_dtype types[TYPES] = {PRT_F32, PRT_I8,  PRT_I32,  PRT_I64,
                                            PRT_U8,  PRT_F16, PRT_BF16, PRT_BOOL};

struct reader {
    const uint8_t *at, *end;
};

static uint8_t next(struct reader *reader)
{
    return reader->at < reader->end ? *reader->at++ : 0;
}

/* A byte of type and rank, then a byte a size. */
static struct prt_program_tensor next_tensor(struct reader *reader)
{
    uint8_t kind = next(reader);
    struct prt_program_tensor tensor = {
        .spec = {.dtype = types[kind % TYPES], .rank = kind / TYPES % (RANK + 1)}};
    for (uint8_t i = 0; i < tensor.spec.rank; i++) {
        tensor.spec.sizes[i] = next(reader);
        tensor.spec.dim_order[i] = i;
    }
    if (!prt_tensor_bytes(&tensor.spec, &tensor.bytes))
        abort();
    return tensor;
}

void fuzz_delegate(const char *id, const uint8_t *data, size_t size)
{
    struct reader reader = {data, data + size};
    uint8_t head = next(&reader);
    uint32_t count = head & ARGS, results = (head >> 3) & ARGS;
    uint32_t given = results < count ? count - results : 0;
    struct prt_program_tensor tensors[ARGS] = {0};
    struct prt_program_value values[ARGS];
    uint32_t ids[ARGS];
    for (uint32_t i = 0; i < ARGS; i++) {
        tensors[i] = i < count ? next_tensor(&reader) : (struct prt_program_tensor){0};
        values[i] = (struct prt_program_value){.kind = PRT_VALUE_TENSOR, .tensor = &tensors[i]};
        ids[i] = i;
    }
    struct prt_delegate delegate = {.id = id,
                                    .blob = {reader.at, (size_t)(reader.end - reader.at)}};
    struct prt_instruction call = {.kind = PRT_INSTRUCTION_DELEGATE, .count = count, .args = ids};
    char name[] = "forward", file[] = "fuzz";
    struct prt_method method = {.name = name,
                                .values = values,
                                .value_count = ARGS,
                                .inputs = ids,
                                .input_count = given,
                                .outputs = ids + given,
                                .output_count = count - given,
                                .instructions = &call,
                                .instruction_count = 1,
                                .delegates = &delegate,
                                .delegate_count = 1};
    struct prt_program program = {.name = file,
                                  .file = {data, size},
                                  .total_bytes = size,
                                  .methods = &method,
                                  .method_count = 1};
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    if (fuzz_check(prt_program_import(&program, name, &graph, &error), &error) != PERCEPT_OK)
        return;
    char *text = prt_graph_dump(graph);
    if (!text)
        abort();
    free(text);
    prt_graph_destroy(graph);
}
