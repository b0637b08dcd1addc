#include "cli/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* After stdio: libjpeg's header uses FILE and size_t without including them. */
#include <jpeglib.h>

#define QUALITY 82

struct failure {
    struct jpeg_error_mgr base;
    jmp_buf back;
};

/* libjpeg's own handler would end the process. */
static void on_error(j_common_ptr info)
{
    longjmp(((struct failure *)info->err)->back, 1);
}

static void no_message(j_common_ptr info)
{
    (void)info;
}

static bool encode(const unsigned char *pixels, unsigned width, unsigned height, unsigned channels,
                   FILE *file)
{
    struct jpeg_compress_struct jpeg;
    struct failure failure;
    jpeg.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = on_error;
    failure.base.output_message = no_message;
    if (setjmp(failure.back)) {
        jpeg_destroy_compress(&jpeg);
        return false;
    }
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = (int)channels;
    jpeg.in_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, QUALITY, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(pixels + (size_t)jpeg.next_scanline * width * channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return true;
}

/* Through a stream, because jpeg_mem_dest loses its buffer when libjpeg gives up. */
bool cli_jpeg_encode(const unsigned char *pixels, unsigned width, unsigned height,
                     unsigned channels, unsigned char **bytes, size_t *size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    bool good = file && encode(pixels, width, height, channels, file);
    if (file && fclose(file) != 0)
        good = false;
    if (!good) {
        free(text);
        return false;
    }
    *bytes = (unsigned char *)text;
    *size = length;
    return true;
}

void cli_base64(const unsigned char *bytes, size_t size, FILE *file)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        putc(digits[group >> 18], file);
        putc(digits[group >> 12 & 63], file);
        putc(left > 1 ? digits[group >> 6 & 63] : '=', file);
        putc(left > 2 ? digits[group & 63] : '=', file);
    }
}
