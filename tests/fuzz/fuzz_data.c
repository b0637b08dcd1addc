/*
 * A program and a `.ptd` file: four bytes say how long the program is, which the other file
 * follows. The two open together, and whatever was imported can be printed.
 */
#include "check.h"
#include "runtime/program.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t length;
    if (size < sizeof length)
        return 0;
    memcpy(&length, data, sizeof length);
    data += sizeof length;
    size -= sizeof length;
    length = length < size ? length : (uint32_t)size;
    const struct prt_buffer program_file = {data, length, "fuzz.pte"};
    const struct prt_buffer data_file = {data + length, size - length, "fuzz.ptd"};
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    if (fuzz_check(prt_program_open_buffers(&program_file, &data_file, 1, &program, &error),
                   &error) != PERCEPT_OK)
        return 0;
    for (size_t i = 0; i < prt_program_method_count(program); i++) {
        struct prt_graph *graph = NULL;
        const char *method = prt_program_method_name(program, i);
        if (fuzz_check(prt_program_import(program, method, &graph, &error), &error) != PERCEPT_OK)
            continue;
        free(prt_graph_dump(graph));
        /* Every byte of a constant is there. */
        unsigned sum = 0;
        for (uint32_t v = 0; v < graph->value_count; v++)
            for (size_t b = 0; graph->values[v].data && b < graph->values[v].bytes; b++)
                sum += ((const uint8_t *)graph->values[v].data)[b];
        if (sum == UINT32_MAX)
            free(malloc(1)); /* so that the sum is needed */
        prt_graph_destroy(graph);
    }
    prt_program_close(program);
    return 0;
}
