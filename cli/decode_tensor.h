/* The numbers of a tensor that lies in a payload (percept.tensors/1). */
#ifndef CLI_DECODE_TENSOR_H
#define CLI_DECODE_TENSOR_H

#include "cli/layout.h"

#include <stdio.h>

/* All of them, row-major, in one array; null when they are not within the payload. base: the struct
 * that describes it. *left: how many bytes of numbers the tensors of the payload may still have,
 * which together are no more than it: they do not overlap, or it is hostile. */
json_t *cli_tensor_json(const struct cli_tensor *tensor, const unsigned char *base,
                        const void *payload, size_t size, size_t *left);

/* A payload of percept.tensors/1 for people: the first numbers of each. */
void cli_tensors_line(const void *data, size_t size, FILE *file);

#endif
