/* A folder of small images, each of one colour, for sources under test. */
#ifndef TESTS_PIPELINES_PICTURES_H
#define TESTS_PIPELINES_PICTURES_H

#include <stdint.h>

/* Makes a temporary folder the working directory; remove takes it away with all in it. */
void pictures_make_folder(void);
void pictures_remove_folder(void);

/* A PPM of one colour. */
void pictures_write(const char *name, uint32_t width, uint32_t height, const uint8_t rgb[3]);
/* Any bytes. */
void pictures_write_text(const char *name, const char *text);
/* "0.ppm" to "count-1.ppm", 8 x 8, red = 10 + number. */
void pictures_write_series(int count);

#endif
