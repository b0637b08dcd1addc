/*
 * A `.pte` file: opened, and each method imported. Whatever the bytes are, the result is a status
 * with a message, or a graph that passed its checks and can be printed.
 *
 * Build with the preset "fuzz"; run: tools/fuzz.sh 60 program
 */
#include "check.h"
#include "runtime/program.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    if (fuzz_check(prt_program_open_buffer(data, size, "fuzz", &program, &error), &error) !=
        PERCEPT_OK)
        return 0;
    for (size_t i = 0; i < prt_program_method_count(program); i++) {
        for (size_t j = 0; j < prt_program_item_count(program, i); j++)
            if (!prt_program_item(program, i, j)->name)
                abort();
        struct prt_graph *graph = NULL;
        const char *method = prt_program_method_name(program, i);
        if (fuzz_check(prt_program_import(program, method, &graph, &error), &error) != PERCEPT_OK)
            continue;
        char *text = prt_graph_dump(graph);
        if (!text)
            abort();
        free(text);
        prt_graph_destroy(graph);
    }
    prt_program_close(program);
    return 0;
}
