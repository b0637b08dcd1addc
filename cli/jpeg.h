/* Pictures for reports: pixels to JPEG, JPEG to base64. */
#ifndef CLI_JPEG_H
#define CLI_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Encode rows of RGB (channels 3) or grey (1) pixels without padding. *bytes is malloc'ed. False
 * when out of memory or the size is beyond JPEG. */
bool cli_jpeg_encode(const unsigned char *pixels, unsigned width, unsigned height,
                     unsigned channels, unsigned char **bytes, size_t *size);

void cli_base64(const unsigned char *bytes, size_t size, FILE *file);

#endif
