/*
 * Why: this runs for every hand of every frame. Positions advance in 32.32 fixed point, exact
 * enough that plain and vector code agree at any width. On x86 the part of a row that needs no
 * border checks has an AVX2 + FMA version, chosen at run time.
 */
#include "pipelines/warp.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE   static inline __attribute__((always_inline))
#define ONE      ((int64_t)1 << 32)
#define FRACTION (1.0f / 4294967296.0f)

/* Beyond these nothing of a frame is met; within them no row overflows 32.32. */
#define FAR_AWAY  1e8
#define LONG_STEP 1e5

struct walk {
    int64_t x, y;   /* of the next output pixel, 32.32, in pixel indices */
    int64_t dx, dy; /* from one output pixel to the next */
};

struct pixel {
    float channel[3]; /* 0..1 */
};

static int64_t fixed(double value, double limit)
{
    value = fmin(fmax(value, -limit), limit);
    return llrint(value * 4294967296.0);
}

/* The four taps of a position are pixels of the frame; negative positions wrap to large ones. */
INLINE bool inside(const struct pipe_frame *frame, const struct walk *w)
{
    return (uint64_t)w->x < (uint64_t)(frame->width - 1) << 32 &&
           (uint64_t)w->y < (uint64_t)(frame->height - 1) << 32;
}

INLINE void advance(struct walk *w)
{
    w->x += w->dx;
    w->y += w->dy;
}

INLINE const uint8_t *pixel_at(const struct pipe_frame *frame, int64_t column, int64_t row)
{
    return frame->pixels + (size_t)row * frame->stride + (size_t)column * 3;
}

INLINE void put(const struct pipe_image_input *out, size_t at, struct pixel pixel)
{
    size_t plane = out->planar ? (size_t)out->size * out->size : 1,
           first = out->planar ? at : 3 * at;
    for (size_t c = 0; c < 3; c++)
        out->data[first + c * plane] = pixel.channel[c];
}

INLINE struct pixel blend(const uint8_t *const taps[4], float across, float down)
{
    struct pixel pixel;
    for (size_t c = 0; c < 3; c++) {
        float top = (float)taps[0][c] + ((float)taps[1][c] - (float)taps[0][c]) * across;
        float bottom = (float)taps[2][c] + ((float)taps[3][c] - (float)taps[2][c]) * across;
        pixel.channel[c] = (top + (bottom - top) * down) * (1.0f / 255.0f);
    }
    return pixel;
}

INLINE struct pixel sample_inside(const struct pipe_frame *frame, const struct walk *w)
{
    const uint8_t *top = pixel_at(frame, w->x >> 32, w->y >> 32), *bottom = top + frame->stride;
    const uint8_t *const taps[4] = {top, top + 3, bottom, bottom + 3};
    return blend(taps, (float)(uint32_t)w->x * FRACTION, (float)(uint32_t)w->y * FRACTION);
}

static struct pixel sample_border(const struct pipe_frame *frame, const struct walk *w)
{
    static const uint8_t black[3] = {0};
    const uint8_t *taps[4];
    /* Nothing of the frame within reach: the bars of a letterbox. */
    if ((uint64_t)(w->x + ONE) >= (uint64_t)(frame->width + 1) << 32 ||
        (uint64_t)(w->y + ONE) >= (uint64_t)(frame->height + 1) << 32)
        return (struct pixel){0};
    for (int i = 0; i < 4; i++) {
        int64_t column = (w->x >> 32) + i % 2, row = (w->y >> 32) + i / 2;
        bool there = column >= 0 && row >= 0 && column < (int64_t)frame->width &&
                     row < (int64_t)frame->height;
        taps[i] = there ? pixel_at(frame, column, row) : black;
    }
    return blend(taps, (float)(uint32_t)w->x * FRACTION, (float)(uint32_t)w->y * FRACTION);
}

/* The part of a row in the frame, from output pixel `at` up to `end`; returns where it stopped. */
typedef size_t (*inside_fn)(const struct pipe_frame *frame, struct walk *w,
                            const struct pipe_image_input *out, size_t at, size_t end);

static size_t inside_plain(const struct pipe_frame *frame, struct walk *w,
                           const struct pipe_image_input *out, size_t at, size_t end)
{
    for (; at < end && inside(frame, w); at++, advance(w))
        put(out, at, sample_inside(frame, w));
    return at;
}

#if defined(__x86_64__)
/* Eight bytes are two neighbouring pixels (and two bytes that nobody looks at: there is padding).
 */
__attribute__((target("avx2,fma"))) INLINE __m256 load_pair(const uint8_t *pixel)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)pixel)));
}

/* Lanes 0..2 are the pixel's channels. */
__attribute__((target("avx2,fma"))) INLINE __m128 sample_avx2(const struct pipe_frame *frame,
                                                              const struct walk *w)
{
    const uint8_t *address = pixel_at(frame, w->x >> 32, w->y >> 32);
    const __m256i right_pixel = _mm256_setr_epi32(3, 4, 5, 6, 3, 4, 5, 6);
    __m256 top = load_pair(address), bottom = load_pair(address + frame->stride);
    __m256 down = _mm256_set1_ps((float)(w->y & 0xffffffff) * FRACTION);
    __m128 across = _mm_set1_ps((float)(w->x & 0xffffffff) * FRACTION);
    __m256 pair = _mm256_fmadd_ps(_mm256_sub_ps(bottom, top), down, top);
    __m128 left = _mm256_castps256_ps128(pair);
    __m128 right = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(pair, right_pixel));
    left = _mm_fmadd_ps(_mm_sub_ps(right, left), across, left);
    return _mm_mul_ps(left, _mm_set1_ps(1.0f / 255.0f));
}

__attribute__((target("avx2,fma"))) INLINE void put_four(const struct pipe_image_input *out,
                                                         size_t at, __m128 p[4])
{
    if (out->planar) {
        float *red = out->data + at, *green = red + (size_t)out->size * out->size;
        float *blue = green + (size_t)out->size * out->size;
        _MM_TRANSPOSE4_PS(p[0], p[1], p[2], p[3]);
        _mm_storeu_ps(red, p[0]);
        _mm_storeu_ps(green, p[1]);
        _mm_storeu_ps(blue, p[2]);
    } else { /* each store's fourth lane is overwritten by the next; the last one keeps to three */
        float *data = out->data + 3 * at;
        _mm_storeu_ps(data, p[0]);
        _mm_storeu_ps(data + 3, p[1]);
        _mm_storeu_ps(data + 6, p[2]);
        _mm_storel_pi((__m64 *)(data + 9), p[3]);
        _mm_store_ss(data + 11, _mm_movehl_ps(p[3], p[3]));
    }
}

__attribute__((target("avx2,fma"))) static size_t inside_avx2(const struct pipe_frame *frame,
                                                              struct walk *w,
                                                              const struct pipe_image_input *out,
                                                              size_t at, size_t end)
{
    /* Copies, because vector stores may alias anything: what can't be stored to stays in registers.
     */
    const struct pipe_frame source = *frame;
    const struct pipe_image_input target = *out;
    struct walk here = *w;
    for (; at + 4 <= end; at += 4) {
        const struct walk fourth = {.x = here.x + 3 * here.dx, .y = here.y + 3 * here.dy};
        if (!inside(&source, &here) || !inside(&source, &fourth))
            break;
        __m128 p[4];
        for (int i = 0; i < 4; i++, advance(&here))
            p[i] = sample_avx2(&source, &here);
        put_four(&target, at, p);
    }
    *w = here;
    return inside_plain(frame, w, out, at, end);
}
#endif

static inside_fn choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return inside_avx2;
#endif
    return inside_plain;
}

/* A row of the output meets the frame in one stretch: both are convex. */
static void warp_row(const struct pipe_frame *frame, struct walk w,
                     const struct pipe_image_input *out, size_t row, inside_fn inside_part)
{
    size_t at = row * out->size, end = at + out->size;
    for (; at < end && !inside(frame, &w); at++, advance(&w))
        put(out, at, sample_border(frame, &w));
    at = inside_part(frame, &w, out, at, end);
    for (; at < end; at++, advance(&w))
        put(out, at, sample_border(frame, &w));
}

/* Rows go to the pool in bands: long enough to be worth a claim, short enough to share evenly. */
#define BAND 16

struct warp {
    const struct pipe_frame *frame;
    const struct pipe_image_input *out;
    inside_fn inside_part;
    double x, y;        /* of the first output pixel, in pixel indices */
    double right, down; /* how a step right moves in the frame */
};

static void warp_band(void *context, size_t band, unsigned worker)
{
    const struct warp *w = context;
    size_t end = (band + 1) * BAND;
    (void)worker;
    for (size_t row = band * BAND; row < end && row < w->out->size; row++) {
        const struct walk walk = {
            .x = fixed(w->x - (double)row * w->down, FAR_AWAY),
            .y = fixed(w->y + (double)row * w->right, FAR_AWAY),
            .dx = fixed(w->right, LONG_STEP),
            .dy = fixed(w->down, LONG_STEP),
        };
        warp_row(w->frame, walk, w->out, row, w->inside_part);
    }
}

static size_t within(double value, uint32_t most)
{
    return (size_t)fmin(fmax(value, 0), most);
}

/* The part of the frame around a square. */
struct around {
    const struct pipe_frame *frame;
    size_t left, right, top, bottom; /* pixels; the last ones are not in it */
};

static void fetch_band(void *context, size_t band, unsigned worker)
{
    const struct around *a = context;
    size_t end = a->top + (band + 1) * BAND < a->bottom ? a->top + (band + 1) * BAND : a->bottom;
    unsigned touched = 0;
    (void)worker;
    for (size_t y = a->top + band * BAND; y < end; y++) {
        const uint8_t *row = a->frame->pixels + y * a->frame->stride;
        for (size_t at = a->left * 3; at < a->right * 3; at += 64)
            touched += row[at];
    }
    __asm__ volatile("" : : "r"(touched)); /* or the compiler would leave it all out */
}

/*
 * Read a byte of each line of the frame around the square, in the order in which they lie. A frame
 * that was captured a moment ago is in nobody's cache, and a walk at an angle would wait for each
 * line and page by itself: a photo's crop takes half as long with this. (Prefetches would not do:
 * they are dropped where the address is not in the TLB.)
 */
static void fetch(const struct pipe_frame *frame, const struct pipe_square *square,
                  struct base_pool *pool)
{
    double reach = square->side / 2 * (fabs(cos(square->rotation)) + fabs(sin(square->rotation)));
    struct around around = {
        .frame = frame,
        .left = within(square->x - reach, frame->width),
        .right = within(square->x + reach, frame->width),
        .top = within(square->y - reach, frame->height),
        .bottom = within(square->y + reach, frame->height),
    };
    if (around.top < around.bottom)
        base_pool_run(pool, (around.bottom - around.top + BAND - 1) / BAND, fetch_band, &around);
}

void pipe_warp(const struct pipe_frame *frame, const struct pipe_square *square,
               const struct pipe_image_input *out)
{
    if (square->rotation != 0) /* else it goes along the lines by itself */
        fetch(frame, square, out->pool);
    double step = (double)square->side / out->size;
    /* A step right moves by (right, down) in the frame, a step down by (-down, right). */
    double right = cos(square->rotation) * step, down = sin(square->rotation) * step;
    /* From the centre back to the first output pixel; the half turns a place into an index. */
    double back = (out->size - 1) / 2.0;
    double x = square->x - back * right + back * down - 0.5;
    double y = square->y - back * down - back * right - 0.5;
    struct warp warp = {frame, out, choose(), x, y, right, down};
    base_pool_run(out->pool, (out->size + BAND - 1) / BAND, warp_band, &warp);
}

struct pipe_square pipe_letterbox(uint32_t width, uint32_t height)
{
    return (struct pipe_square){
        .x = (float)width / 2,
        .y = (float)height / 2,
        .side = (float)(width > height ? width : height),
    };
}

void pipe_square_to_image(const struct pipe_square *square, float u, float v, float *x, float *y)
{
    float c = cosf(square->rotation) * square->side, s = sinf(square->rotation) * square->side;
    u -= 0.5f;
    v -= 0.5f;
    *x = square->x + c * u - s * v;
    *y = square->y + s * u + c * v;
}
