/*
 * A recording, as `percept echo --from` reads it: every sample is decoded by the description that
 * came with it, and printed.
 */
#include "check.h"
#include "cli/decode.h"
#include "cli/recording.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct percept_error error = {0};
    struct recording_reader *reader;
    struct recording_sample from;
    char *text = NULL;
    size_t length;
    if (size == 0)
        return 0;
    FILE *file = fmemopen((void *)data, size, "rb");
    FILE *lines = open_memstream(&text, &length);
    if (fuzz_check(recording_open(file, "fuzz.mcap", &reader, &error), &error) == PERCEPT_OK) {
        while (fuzz_check(recording_next(reader, &from, &error), &error) == PERCEPT_OK) {
            json_decref(cli_decode_json(from.layout, from.sample.data, from.sample.size));
            cli_decode_line(cli_schema_find(from.schema), from.layout, from.sample.data,
                            from.sample.size, lines);
        }
        recording_close(reader);
    }
    fclose(lines);
    fclose(file);
    free(text);
    return 0;
}
