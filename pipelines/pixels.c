/* Why: two formats in integer arithmetic are less than what it takes to set up a converter. */
#include "pipelines/pixels.h"

/* 16.16 fixed point: 255/219 for Y, and BT.601's factors with 255/224 for U and V. */
enum { ONE_Y = 76309, V_TO_R = 104597, U_TO_G = 25675, V_TO_G = 53279, U_TO_B = 132201 };

static uint8_t clamp(int value)
{
    value = (value + 32768) >> 16;
    return (uint8_t)(value < 0 ? 0 : (value > 255 ? 255 : value));
}

static void convert(uint8_t *rgb, int y, int u, int v)
{
    y = (y - 16) * ONE_Y;
    u -= 128;
    v -= 128;
    rgb[0] = clamp(y + V_TO_R * v);
    rgb[1] = clamp(y - U_TO_G * u - V_TO_G * v);
    rgb[2] = clamp(y + U_TO_B * u);
}

void pipe_pixels_from_yuyv(const uint8_t *bytes, size_t stride, struct pipe_frame *frame)
{
    for (uint32_t row = 0; row < frame->height; row++) {
        const uint8_t *in = bytes + row * stride;
        uint8_t *out = frame->pixels + (size_t)row * frame->stride;
        for (uint32_t x = 0; x + 1 < frame->width; x += 2, in += 4, out += 6) {
            convert(out, in[0], in[1], in[3]);
            convert(out + 3, in[2], in[1], in[3]);
        }
    }
}

void pipe_pixels_from_nv12(const uint8_t *bytes, size_t stride, struct pipe_frame *frame)
{
    for (uint32_t row = 0; row < frame->height; row++) {
        const uint8_t *luma = bytes + row * stride;
        const uint8_t *chroma = bytes + (frame->height + row / 2) * stride;
        uint8_t *out = frame->pixels + (size_t)row * frame->stride;
        for (uint32_t x = 0; x < frame->width; x++, out += 3)
            convert(out, luma[x], chroma[x & ~1u], chroma[x | 1u]);
    }
}
