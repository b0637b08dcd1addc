/*
 * A `.pte` file: opened, and each method imported. Whatever the bytes are, the result is a status
 * with a message, or a graph that passed its checks and can be printed.
 *
 * Build with the preset "fuzz"; run: tools/fuzz.sh 60 program
 */
#include "runtime/program.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum percept_status status, const struct percept_error *error)
{
    if (status != PERCEPT_OK && (error->status != status || error->message[0] == '\0'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    enum percept_status status = prt_program_open_buffer(data, size, "fuzz", &program, &error);
    check(status, &error);
    if (status != PERCEPT_OK)
        return 0;
    for (size_t i = 0; i < prt_program_method_count(program); i++) {
        for (size_t j = 0; j < prt_program_item_count(program, i); j++)
            if (!prt_program_item(program, i, j)->name)
                abort();
        struct prt_graph *graph = NULL;
        status = prt_program_import(program, prt_program_method_name(program, i), &graph, &error);
        check(status, &error);
        if (status != PERCEPT_OK)
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
