/* Why: libjpeg reports by callbacks that must not return; this is the one file that knows. */
#include "pipelines/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive image may have any number of passes over its pixels, each costing a full one. */
#define MAX_SCANS 64

struct pipe_jpeg {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
};

static void fail(struct pipe_jpeg *jpeg)
{
    jpeg->errors.format_message((j_common_ptr)&jpeg->info, jpeg->message);
    longjmp(jpeg->failed, 1);
}

static void on_error(j_common_ptr info)
{
    fail(info->client_data);
}

/* Level -1 is a warning about the data. libjpeg would go on with grey pixels; half an image is
 * worse than none here, where another comes soon. */
static void on_message(j_common_ptr info, int level)
{
    static const int damage[] = {JWRN_HIT_MARKER, JWRN_JPEG_EOF, JWRN_HUFF_BAD_CODE,
                                 JWRN_MUST_RESYNC};
    for (size_t i = 0; level == -1 && i < sizeof damage / sizeof damage[0]; i++)
        if (info->err->msg_code == damage[i])
            fail(info->client_data);
}

static void on_progress(j_common_ptr info)
{
    struct pipe_jpeg *jpeg = info->client_data;
    if (jpeg->info.input_scan_number > MAX_SCANS) {
        snprintf(jpeg->message, sizeof jpeg->message, "more than %d passes", MAX_SCANS);
        longjmp(jpeg->failed, 1);
    }
}

enum percept_status pipe_jpeg_create(struct pipe_jpeg **out, struct percept_error *error)
{
    struct pipe_jpeg *jpeg = calloc(1, sizeof *jpeg);
    if (!jpeg)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    jpeg->info.err = jpeg_std_error(&jpeg->errors);
    jpeg->errors.error_exit = on_error;
    jpeg->errors.emit_message = on_message;
    jpeg->info.client_data = jpeg;
    if (setjmp(jpeg->failed)) {
        percept_fail(error, PERCEPT_INTERNAL, "libjpeg: %s", jpeg->message);
        free(jpeg);
        return PERCEPT_INTERNAL;
    }
    jpeg_create_decompress(&jpeg->info);
    jpeg->progress.progress_monitor = on_progress;
    jpeg->info.progress = &jpeg->progress;
    *out = jpeg;
    return PERCEPT_OK;
}

void pipe_jpeg_destroy(struct pipe_jpeg *jpeg)
{
    if (!jpeg)
        return;
    jpeg_destroy_decompress(&jpeg->info);
    free(jpeg);
}

static enum percept_status decode(struct jpeg_decompress_struct *info, size_t max_pixels,
                                  struct pipe_frame *frame, struct percept_error *error)
{
    jpeg_read_header(info, TRUE);
    if ((uint64_t)info->image_width * info->image_height > max_pixels)
        return percept_fail(error, PERCEPT_LIMIT, "%u x %u pixels, more than max_pixels (%zu)",
                            info->image_width, info->image_height, max_pixels);
    enum percept_status status =
        pipe_frame_resize(frame, info->image_width, info->image_height, error);
    if (status != PERCEPT_OK)
        return status;
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = frame->pixels + (size_t)info->output_scanline * frame->stride;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    return PERCEPT_OK;
}

enum percept_status pipe_jpeg_decode(struct pipe_jpeg *jpeg, const void *bytes, size_t size,
                                     size_t max_pixels, struct pipe_frame *frame,
                                     struct percept_error *error)
{
    if (size == 0)
        return percept_fail(error, PERCEPT_MALFORMED, "an empty file");
    if (setjmp(jpeg->failed)) {
        jpeg_abort_decompress(&jpeg->info);
        return percept_fail(error, PERCEPT_MALFORMED, "JPEG: %s", jpeg->message);
    }
    jpeg_mem_src(&jpeg->info, bytes, (unsigned long)size);
    enum percept_status status = decode(&jpeg->info, max_pixels, frame, error);
    jpeg_abort_decompress(&jpeg->info);
    return status;
}
