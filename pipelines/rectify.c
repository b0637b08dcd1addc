/* Why: a camera gives more pixels than matching can take, bent by its lens; both are undone in one
 * go, so that what is matched has been interpolated once. */
#include "pipelines/rectify.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAND     16
#define CHANNELS 3
#define OUTSIDE  (-1) /* index of a pixel that a camera does not show */

struct eye {
    float *grid; /* [height][width][2]: where in the frame, 0..1 */
    /* The same for frames of the size at hand: of the upper left of four pixels of the reduced
     * image, and how far from it, 0..255. */
    int32_t *index;
    uint8_t (*weights)[2];
    uint8_t
        *reduced[CHANNELS]; /* room for 2 * width by 2 * height each; [0] is gray without colour */
    uint8_t *planes[CHANNELS]; /* width * height */
    uint8_t *gray;
};

struct rectifier {
    struct calibration calibration;
    bool calibrated, plain, colour;
    unsigned eye_count;
    uint32_t width, height;
    struct base_pool *pool;
    struct eye eyes[2];
    /* Of the size of frame at hand; 0: none yet. */
    uint32_t frame_width, frame_height;
    uint32_t by_x, by_y; /* pixels of the frame that become one of the reduced image */
    uint32_t reduced_width, reduced_height;
    struct rectified_rows rows;         /* the right eye is moved by */
    const struct pipe_frame *frames[2]; /* of the run in progress */
};

/* ---- making one ---- */

void rectifier_destroy(struct rectifier *r)
{
    for (unsigned e = 0; r && e < 2; e++) {
        free(r->eyes[e].grid);
        free(r->eyes[e].index);
        free(r->eyes[e].weights);
        free(r->eyes[e].gray);
        for (unsigned c = 0; c < CHANNELS; c++) {
            free(r->eyes[e].reduced[c]);
            free(r->eyes[e].planes[c]);
        }
    }
    free(r);
}

static bool take_eye(struct rectifier *r, struct eye *eye)
{
    size_t pixels = (size_t)r->width * r->height;
    unsigned channels = r->colour ? CHANNELS : 1;
    eye->grid = calloc(pixels, 2 * sizeof *eye->grid);
    eye->index = calloc(pixels, sizeof *eye->index);
    eye->weights = calloc(pixels, sizeof *eye->weights);
    eye->gray = calloc(pixels, 1);
    bool good = eye->grid && eye->index && eye->weights && eye->gray;
    for (unsigned c = 0; c < channels; c++) {
        eye->reduced[c] = calloc(pixels, 4);
        eye->planes[c] = r->colour ? calloc(pixels, 1) : NULL;
        good = good && eye->reduced[c] && (eye->planes[c] || !r->colour);
    }
    return good;
}

static void fill_grid(struct rectifier *r, unsigned eye)
{
    const struct calibration *c = &r->calibration;
    float *grid = r->eyes[eye].grid;
    for (uint32_t y = 0; y < r->height; y++)
        for (uint32_t x = 0; x < r->width; x++, grid += 2) {
            double at[2], u = (x + 0.5) / r->width, v = (y + 0.5) / r->height;
            if (r->calibrated && !r->plain) {
                calibration_find(c, eye, u * c->width - 0.5, v * c->height - 0.5, at);
                u = (at[0] + 0.5) / c->width;
                v = (at[1] + 0.5) / c->height;
            }
            grid[0] = (float)u;
            grid[1] = (float)v;
        }
}

enum percept_status rectifier_create(const struct rectifier_options *options,
                                     struct base_pool *pool, struct rectifier **rectifier,
                                     struct percept_error *error)
{
    const struct calibration *calibration = options->calibration;
    struct rectifier *r = calloc(1, sizeof *r);
    if (!r)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    r->width = options->width;
    r->height = options->height;
    r->eye_count = options->eyes;
    r->colour = options->colour;
    r->pool = pool;
    r->calibrated = calibration != NULL;
    if (calibration)
        r->calibration = *calibration;
    enum percept_status status =
        calibration ? calibration_rectify(&r->calibration, error) : PERCEPT_OK;
    if (status == PERCEPT_OK && calibration && (!calibration->width || !calibration->height))
        status = percept_fail(error, PERCEPT_INVALID,
                              "the calibration does not say what size of image it is for");
    for (unsigned e = 0; e < r->eye_count && status == PERCEPT_OK; e++)
        if (!take_eye(r, &r->eyes[e]))
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for images");
    if (status != PERCEPT_OK) {
        rectifier_destroy(r);
        return status;
    }
    r->plain = !calibration || calibration_is_plain(&r->calibration);
    for (unsigned e = 0; e < r->eye_count; e++)
        fill_grid(r, e);
    *rectifier = r;
    return PERCEPT_OK;
}

/* ---- for a size of frame ---- */

/* A coordinate of the reduced image as its whole part and 256ths; false: the frame ends before. */
static bool place(float at, uint32_t size, int32_t *whole, uint8_t *part)
{
    float pixel = at * (float)size - 0.5F;
    if (!(pixel >= -0.51F && pixel <= (float)size - 0.49F))
        return false;
    pixel = fminf(fmaxf(pixel, 0), (float)size - 1.004F); /* its neighbour is inside, too */
    *whole = (int32_t)pixel;
    *part = (uint8_t)((pixel - (float)*whole) * 256);
    return true;
}

/* What the frame shows is decided before rows are moved: beyond its edge is what is at the edge,
 * for black rows would be matched. */
static void place_row(struct rectifier *r, unsigned e, size_t row)
{
    struct eye *eye = &r->eyes[e];
    const struct rectified_rows none = {0}, *rows = e ? &r->rows : &none;
    float v = 2 * ((float)row + 0.5F) / (float)r->height - 1;
    for (size_t x = 0; x < r->width; x++) {
        size_t i = row * r->width + x;
        const float *at = &eye->grid[2 * i];
        uint8_t *weights = eye->weights[i];
        int32_t column, line;
        bool inside = place(at[0], r->reduced_width, &column, &weights[0]) &&
                      place(at[1], r->reduced_height, &line, &weights[1]);
        eye->index[i] = OUTSIDE;
        if (!inside)
            continue;
        float u = 2 * ((float)x + 0.5F) / (float)r->width - 1;
        float moved = (rows->middle + rows->across * u + rows->down * v) / (float)r->height;
        if (moved != 0)
            place(fminf(fmaxf(at[1] + moved, 0), 1), r->reduced_height, &line, &weights[1]);
        eye->index[i] = line * (int32_t)r->reduced_width + column;
    }
}

static void place_band(void *context, size_t band, unsigned worker)
{
    struct rectifier *r = context;
    (void)worker;
    for (unsigned e = 0; e < r->eye_count; e++)
        for (size_t y = band * BAND; y < (band + 1) * BAND && y < r->height; y++)
            place_row(r, e, y);
}

static void take_size(struct rectifier *r, uint32_t width, uint32_t height)
{
    if (r->frame_width == width && r->frame_height == height)
        return;
    r->frame_width = width;
    r->frame_height = height;
    /* So the reduced image is less than twice as wide and high as what is made of it. */
    r->by_x = width / r->width ? width / r->width : 1;
    r->by_y = height / r->height ? height / r->height : 1;
    r->reduced_width = width / r->by_x;
    r->reduced_height = height / r->by_y;
    base_pool_run(r->pool, (r->height + BAND - 1) / BAND, place_band, r);
}

void rectifier_move_rows(struct rectifier *r, const struct rectified_rows *rows)
{
    r->rows = *rows;
    if (r->frame_width)
        base_pool_run(r->pool, (r->height + BAND - 1) / BAND, place_band, r);
}

/* ---- pixels ---- */

/* Means of rectangles of by_x * by_y pixels. */
static void reduce_row(const struct rectifier *r, const struct pipe_frame *frame,
                       const struct eye *eye, uint32_t y)
{
    uint32_t area = r->by_x * r->by_y, at = y * r->reduced_width;
    if (!area)
        return; /* no frame has had a size yet */
    for (uint32_t x = 0; x < r->reduced_width; x++) {
        uint32_t sum[CHANNELS] = {0};
        for (uint32_t dy = 0; dy < r->by_y; dy++) {
            const uint8_t *pixel = frame->pixels + (size_t)(y * r->by_y + dy) * frame->stride +
                                   (size_t)x * r->by_x * 3;
            for (uint32_t dx = 0; dx < r->by_x; dx++, pixel += 3) {
                sum[0] += pixel[0];
                sum[1] += pixel[1];
                sum[2] += pixel[2];
            }
        }
        if (r->colour) {
            for (unsigned c = 0; c < CHANNELS; c++)
                eye->reduced[c][at + x] = (uint8_t)((sum[c] + area / 2) / area);
        } else {
            uint32_t luma = 77 * sum[0] + 150 * sum[1] + 29 * sum[2];
            eye->reduced[0][at + x] = (uint8_t)((luma + 128 * area) / (256 * area));
        }
    }
}

static void reduce_band(void *context, size_t band, unsigned worker)
{
    const struct rectifier *r = context;
    (void)worker;
    for (uint32_t y = (uint32_t)band * BAND; y < (band + 1) * BAND && y < r->reduced_height; y++)
        for (unsigned e = 0; e < r->eye_count; e++)
            reduce_row(r, r->frames[e], &r->eyes[e], y);
}

static inline uint8_t sample(const uint8_t *reduced, uint32_t row, int32_t index,
                             const uint8_t weights[2])
{
    if (index == OUTSIDE)
        return 0;
    const uint8_t *p = reduced + index;
    uint32_t x = weights[0], y = weights[1];
    uint32_t top = p[0] * (256 - x) + p[1] * x, bottom = p[row] * (256 - x) + p[row + 1] * x;
    return (uint8_t)((top * (256 - y) + bottom * y + (1 << 15)) >> 16);
}

static void sample_band(void *context, size_t band, unsigned worker)
{
    const struct rectifier *r = context;
    size_t begin = band * BAND * r->width;
    size_t end = (band + 1) * BAND < r->height ? begin + (size_t)BAND * r->width
                                               : (size_t)r->width * r->height;
    (void)worker;
    for (unsigned e = 0; e < r->eye_count; e++) {
        const struct eye *eye = &r->eyes[e];
        for (unsigned c = 0; r->colour && c < CHANNELS; c++)
            for (size_t i = begin; i < end; i++)
                eye->planes[c][i] =
                    sample(eye->reduced[c], r->reduced_width, eye->index[i], eye->weights[i]);
        for (size_t i = begin; i < end; i++)
            eye->gray[i] = r->colour ? (uint8_t)((77 * eye->planes[0][i] + 150 * eye->planes[1][i] +
                                                  29 * eye->planes[2][i] + 128) >>
                                                 8)
                                     : sample(eye->reduced[0], r->reduced_width, eye->index[i],
                                              eye->weights[i]);
    }
}

/* ---- a frame ---- */

static bool is_part(const struct pipe_frame *frame)
{
    return frame->view[0] != 0 || frame->view[1] != 0 || frame->view[2] != 1;
}

/* Of the frame's sensor image, pixels of the calibration and then of what we make. */
static void describe(const struct rectifier *r, const struct pipe_frame *frame,
                     struct rectified *out)
{
    const struct calibration *c = &r->calibration;
    if (!r->calibrated) {
        /* Nothing is known: as if the image were as wide as it is far away. */
        double high = (double)frame->width * r->height / frame->height;
        *out = (struct rectified){.fx = r->width,
                                  .fy = high,
                                  .cx = r->width / 2.0,
                                  .cy = r->height / 2.0,
                                  .baseline = 1,
                                  .turn = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
        return;
    }
    const double(*left)[4] = c->projection[0], (*right)[4] = c->projection[1];
    double scale = is_part(frame) ? (double)frame->view[2] : (double)frame->width / c->width;
    double x = scale * r->width / frame->width;
    double scale_y = is_part(frame) ? (double)frame->view[2] : (double)frame->height / c->height;
    double y = scale_y * r->height / frame->height;
    *out = (struct rectified){
        .fx = left[0][0] * x,
        .fy = left[1][1] * y,
        .cx = (left[0][2] + 0.5 - (double)frame->view[0]) * x,
        .cy = (left[1][2] + 0.5 - (double)frame->view[1]) * y,
        .shift = (left[0][2] - right[0][2]) * x,
        .baseline = -right[0][3] / right[0][0],
    };
    memcpy(out->turn, c->to_rectified[0], sizeof out->turn);
}

enum percept_status rectifier_run(struct rectifier *r, const struct pipe_frame *frame,
                                  struct rectified *rectified, struct percept_error *error)
{
    const struct calibration *c = &r->calibration;
    if (r->calibrated && is_part(frame) && !r->plain)
        return percept_fail(error, PERCEPT_INVALID,
                            "frames are parts of the camera's image; distortion can be undone only "
                            "of the whole");
    if (r->calibrated && !is_part(frame) &&
        fabs((double)frame->width * c->height / ((double)frame->height * c->width) - 1) > 0.01)
        return percept_fail(error, PERCEPT_INVALID,
                            "frames of %u x %u pixels; the calibration is for %u x %u",
                            frame->width, frame->height, c->width, c->height);
    take_size(r, frame->width, frame->height);
    r->frames[0] = frame;
    r->frames[1] = frame->right;
    base_pool_run(r->pool, (r->reduced_height + BAND - 1) / BAND, reduce_band, r);
    base_pool_run(r->pool, (r->height + BAND - 1) / BAND, sample_band, r);
    describe(r, frame, rectified);
    return PERCEPT_OK;
}

const uint8_t *rectifier_gray(const struct rectifier *r, unsigned eye)
{
    return r->eyes[eye].gray;
}

const uint8_t *rectifier_plane(const struct rectifier *r, unsigned eye, unsigned channel)
{
    return r->eyes[eye].planes[channel];
}

void rectifier_blank(const struct rectifier *r, uint8_t *confidence)
{
    for (size_t i = 0; i < (size_t)r->width * r->height; i++)
        confidence[i] = r->eyes[0].index[i] == OUTSIDE ? 0 : confidence[i];
}
