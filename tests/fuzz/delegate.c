/* Why: a fuzzer that starts from a blob does not have to find its way through a `.pte` first. */
#include "delegate.h"
#include "check.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

enum { ARGS = 7, TYPES = 8, RANK = 6 };

/* Values of the method: the blob's arguments, what stands on the method's side of each, and one
 * that is None. */
enum { ACROSS = ARGS, NONE = 2 * ARGS, VALUES };

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

/* A call of the method's own on each side of the blob: `count` arguments, the last of them results.
 * Returns how many instructions there are. */
static uint32_t surround(struct prt_instruction calls[ARGS + 1], uint32_t args[ARGS][4],
                         struct prt_instruction blob, uint32_t given)
{
    for (uint32_t i = 0; i < given; i++) {
        memcpy(args[i], (uint32_t[4]){ACROSS + i, NONE, i, i}, sizeof args[i]);
        calls[i] = (struct prt_instruction){PRT_INSTRUCTION_KERNEL, 0, 4, args[i]};
    }
    calls[given] = blob;
    for (uint32_t i = given; i < blob.count; i++) {
        memcpy(args[i], (uint32_t[4]){i, ACROSS + i, ACROSS + i}, sizeof args[i]);
        calls[i + 1] = (struct prt_instruction){PRT_INSTRUCTION_KERNEL, 1, 3, args[i]};
    }
    return blob.count + 1;
}

void fuzz_delegate(const char *id, const uint8_t *data, size_t size)
{
    struct reader reader = {data, data + size};
    uint8_t head = next(&reader);
    uint32_t count = head & ARGS, results = (head >> 3) & ARGS;
    uint32_t given = results < count ? count - results : 0;
    struct prt_program_tensor tensors[2 * ARGS] = {0};
    struct prt_program_value values[VALUES] = {[NONE] = {.kind = PRT_VALUE_NONE}};
    uint32_t ids[2 * ARGS], args[ARGS][4];
    for (uint32_t i = 0; i < 2 * ARGS; i++) {
        values[i] = (struct prt_program_value){.kind = PRT_VALUE_TENSOR, .tensor = &tensors[i]};
        ids[i] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        tensors[i] = tensors[ACROSS + i] = next_tensor(&reader);
        if (i >= given) { /* of logical_not */
            tensors[ACROSS + i].spec.dtype = PRT_BOOL;
            if (!prt_tensor_bytes(&tensors[ACROSS + i].spec, &tensors[ACROSS + i].bytes))
                abort();
        }
    }
    struct prt_delegate delegate = {.id = id,
                                    .blob = {reader.at, (size_t)(reader.end - reader.at)}};
    struct prt_instruction call = {.kind = PRT_INSTRUCTION_DELEGATE, .count = count, .args = ids};
    struct prt_instruction calls[ARGS + 1];
    const char *operators[] = {"aten::clone.out", "aten::logical_not.out"};
    char name[] = "forward", file[] = "fuzz";
    struct prt_method method = {.name = name,
                                .values = values,
                                .value_count = VALUES,
                                .inputs = ids + ACROSS,
                                .input_count = given,
                                .outputs = ids + ACROSS + given,
                                .output_count = count - given,
                                .instructions = calls,
                                .instruction_count = surround(calls, args, call, given),
                                .operators = operators,
                                .operator_count = 2,
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
