/* Why: stereo pairs with known depth are single pictures, and a demo wants to move. */
#include "pipelines/pan.h"

#include <math.h>

#define TWO_PI 6.283185307179586

/* Linear between four pixels; weights are 256ths. */
static void take_row(const struct pipe_frame *picture, double left, double top, double step,
                     const struct pipe_frame *out, uint32_t y)
{
    double at_y = fmin(fmax(top + (y + 0.5) * step - 0.5, 0), picture->height - 1.001);
    uint32_t row = (uint32_t)at_y, below = (uint32_t)((at_y - row) * 256);
    const uint8_t *from = picture->pixels + (size_t)row * picture->stride;
    uint8_t *to = out->pixels + (size_t)y * out->stride;
    for (uint32_t x = 0; x < out->width; x++, to += 3) {
        double at_x = fmin(fmax(left + (x + 0.5) * step - 0.5, 0), picture->width - 1.001);
        uint32_t column = (uint32_t)at_x, right = (uint32_t)((at_x - column) * 256);
        const uint8_t *p = from + (size_t)column * 3, *q = p + picture->stride;
        for (unsigned c = 0; c < 3; c++) {
            uint32_t up = p[c] * (256 - right) + p[c + 3] * right;
            uint32_t down = q[c] * (256 - right) + q[c + 3] * right;
            to[c] = (uint8_t)((up * (256 - below) + down * below + (1 << 15)) >> 16);
        }
    }
}

enum percept_status pipe_pan(const struct pipe_pan *pan, uint32_t index,
                             const struct pipe_frame *picture, struct pipe_frame *out,
                             struct percept_error *error)
{
    if (picture->width < pan->width || picture->height < pan->height)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "a picture of %u x %u pixels, to be seen through %u x %u",
                            picture->width, picture->height, pan->width, pan->height);
    double turn = TWO_PI * (index % pan->frames) / pan->frames;
    double scale = 1 + (pan->zoom - 1) * (1 - cos(turn)) / 2, step = 1 / scale;
    double left = (picture->width - pan->width * step) * (1 + sin(turn)) / 2;
    double top = (picture->height - pan->height * step) * (1 + sin(2 * turn)) / 2;
    enum percept_status status = pipe_frame_resize(out, pan->width, pan->height, error);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t y = 0; y < pan->height; y++)
        take_row(picture, left, top, step, out, y);
    out->view[0] = (float)left;
    out->view[1] = (float)top;
    out->view[2] = (float)scale;
    return PERCEPT_OK;
}
