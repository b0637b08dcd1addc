/* A payload of percept.tensors/1: unlike the others, what is in it says itself what it is. */
#ifndef CLI_DECODE_TENSORS_H
#define CLI_DECODE_TENSORS_H

#include <jansson.h>
#include <stdio.h>

/* {..., "tensors": [{"name", "dtype", "shape", "data": [numbers in row-major order]}]}. A tensor
 * that does not lie within the payload, or of a type that is not known, has no "data". */
json_t *cli_tensors_json(const void *data, size_t size);
/* Name, type, shape and the first numbers of each. */
void cli_tensors_line(const void *data, size_t size, FILE *file);

#endif
