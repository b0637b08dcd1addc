/* Why: two tools calibrate nearly all stereo cameras, and neither writes what the other one reads.
 */
#include "pipelines/calibration.h"

#include "pipelines/tree.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct calibration *out;
    struct percept_error *error;
    unsigned found; /* bits of what has been read, FOUND_* */
};

enum {
    FOUND_LENS = 1, /* of the left; times 2 of the right */
    FOUND_R = 8,
    FOUND_T = 16,
    FOUND_RECTIFIED = 32, /* R1, times 2 R2, times 4 P1, times 8 P2 */
};

#define FAIL(r, at, ...)                                                                       \
    percept_fail_at((r)->error, PERCEPT_MALFORMED, (at)->file->name, (at)->line, (at)->column, \
                    __VA_ARGS__)

static enum percept_status read_number(struct reader *r, const struct pipe_tree *at, double *out)
{
    char got[64], *end;
    errno = 0;
    double value = at->kind == PIPE_TREE_TEXT ? strtod(at->text, &end) : NAN;
    if (at->kind != PIPE_TREE_TEXT || end == at->text || *end || !isfinite(value))
        return FAIL(r, at, "expected a number, got %s", pipe_tree_describe(at, got, sizeof got));
    *out = value;
    return PERCEPT_OK;
}

/* A list of numbers, least..most of them. */
static enum percept_status read_numbers(struct reader *r, const struct pipe_tree *at, size_t least,
                                        size_t most, double *out, size_t *count)
{
    char got[64];
    if (at->kind != PIPE_TREE_LIST || at->count < least || at->count > most)
        return FAIL(r, at, "expected a list of %zu%s numbers, got %s", least,
                    most > least ? " or more" : "", pipe_tree_describe(at, got, sizeof got));
    for (size_t i = 0; i < at->count; i++) {
        enum percept_status status = read_number(r, at->items[i].value, &out[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    if (count)
        *count = at->count;
    return PERCEPT_OK;
}

static const struct pipe_tree *member(const struct pipe_tree *map, const char *key)
{
    const struct pipe_tree_item *item =
        map->kind == PIPE_TREE_MAP ? pipe_tree_find(map, key) : NULL;
    return item ? item->value : NULL;
}

static enum percept_status need(struct reader *r, const struct pipe_tree *map, const char *key,
                                const struct pipe_tree **out)
{
    *out = member(map, key);
    return *out ? PERCEPT_OK : FAIL(r, map, "no '%s'", key);
}

static enum percept_status check_lens(struct reader *r, const struct pipe_tree *at,
                                      const struct calibration_lens *lens)
{
    if (lens->fx > 0 && lens->fy > 0 && lens->fx < 1e6 && lens->fy < 1e6)
        return PERCEPT_OK;
    return FAIL(r, at, "a focal length of %g x %g pixels", lens->fx, lens->fy);
}

static enum percept_status read_size(struct reader *r, const struct pipe_tree *at)
{
    double size[2];
    enum percept_status status = read_numbers(r, at, 2, 2, size, NULL);
    if (status != PERCEPT_OK)
        return status;
    if (!(size[0] >= 16 && size[1] >= 16 && size[0] <= 16384 && size[1] <= 16384))
        return FAIL(r, at, "an image of %g x %g pixels", size[0], size[1]);
    uint32_t width = (uint32_t)size[0], height = (uint32_t)size[1];
    if (r->out->width && (r->out->width != width || r->out->height != height))
        return FAIL(r, at, "images of %u x %u pixels, the other eye's have %u x %u", width, height,
                    r->out->width, r->out->height);
    r->out->width = width;
    r->out->height = height;
    return PERCEPT_OK;
}

/* ---- OpenCV ---- */

/* rows * columns numbers, or columns * rows where that is said; {rows, cols, data}. */
static enum percept_status read_matrix(struct reader *r, const struct pipe_tree *at, size_t least,
                                       size_t most, double *out, size_t *count)
{
    const struct pipe_tree *rows, *cols, *data;
    double size[2] = {0};
    size_t got = 0;
    enum percept_status status = need(r, at, "rows", &rows);
    if (status == PERCEPT_OK)
        status = need(r, at, "cols", &cols);
    if (status == PERCEPT_OK)
        status = need(r, at, "data", &data);
    if (status == PERCEPT_OK)
        status = read_number(r, rows, &size[0]);
    if (status == PERCEPT_OK)
        status = read_number(r, cols, &size[1]);
    if (status == PERCEPT_OK)
        status = read_numbers(r, data, least, most, out, &got);
    if (status == PERCEPT_OK && size[0] * size[1] != (double)got)
        return FAIL(r, data, "%zu numbers for %g rows of %g", got, size[0], size[1]);
    if (count)
        *count = got;
    return status;
}

/* A matrix with its shape, or (ROS's messages) the numbers alone. */
static enum percept_status read_matrix_or_list(struct reader *r, const struct pipe_tree *at,
                                               size_t least, size_t most, double *out,
                                               size_t *count)
{
    return at->kind == PIPE_TREE_LIST ? read_numbers(r, at, least, most, out, count)
                                      : read_matrix(r, at, least, most, out, count);
}

/* A camera's matrix, and its distortion by the name of that. */
static enum percept_status take_opencv_lens(struct reader *r, const struct pipe_tree *file,
                                            const struct pipe_tree *matrix,
                                            const char *distortion_name, unsigned eye)
{
    const struct pipe_tree *distortion;
    struct calibration_lens lens = {.kind = CALIBRATION_RADTAN};
    double m[9];
    size_t count = 0;
    enum percept_status status = read_matrix_or_list(r, matrix, 9, 9, m, NULL);
    if (status == PERCEPT_OK)
        status = need(r, file, distortion_name, &distortion);
    if (status == PERCEPT_OK)
        status = read_matrix_or_list(r, distortion, 4, 8, lens.k, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count != 4 && count != 5 && count != 8)
        return FAIL(r, distortion, "%zu coefficients of distortion; 4, 5 and 8 are known", count);
    lens.fx = m[0];
    lens.cx = m[2];
    lens.fy = m[4];
    lens.cy = m[5];
    r->out->lens[eye] = lens;
    r->found |= (unsigned)FOUND_LENS << eye;
    return check_lens(r, matrix, &lens);
}

static enum percept_status read_opencv_lens(struct reader *r, const struct pipe_tree *file,
                                            unsigned eye)
{
    static const char *const names[2][2] = {{"M1", "D1"}, {"M2", "D2"}};
    const struct pipe_tree *matrix = member(file, names[eye][0]);
    return matrix ? take_opencv_lens(r, file, matrix, names[eye][1], eye) : PERCEPT_OK;
}

/* image_size, or both of a width and a height by these names; where they are. */
static enum percept_status read_sizes(struct reader *r, const struct pipe_tree *file,
                                      const char *width_name, const char *height_name)
{
    const struct pipe_tree *size = member(file, "image_size");
    const struct pipe_tree *width = member(file, width_name), *height;
    enum percept_status status = size ? read_size(r, size) : PERCEPT_OK;
    if (status != PERCEPT_OK || !width)
        return status;
    status = need(r, file, height_name, &height);
    const struct pipe_tree_item both[2] = {{NULL, width}, {NULL, status ? width : height}};
    struct pipe_tree list = *width;
    list.kind = PIPE_TREE_LIST;
    list.count = 2;
    list.items = both;
    return status == PERCEPT_OK ? read_size(r, &list) : status;
}

static enum percept_status read_opencv(struct reader *r, const struct pipe_tree *file)
{
    struct calibration *c = r->out;
    const struct {
        const char *name;
        double *to;
        size_t count;
        unsigned found;
    } matrices[] = {
        {"R", c->rotation[0], 9, FOUND_R},
        {"T", c->translation, 3, FOUND_T},
        {"R1", c->to_rectified[0][0], 9, FOUND_RECTIFIED},
        {"R2", c->to_rectified[1][0], 9, FOUND_RECTIFIED << 1},
        {"P1", c->projection[0][0], 12, FOUND_RECTIFIED << 2},
        {"P2", c->projection[1][0], 12, FOUND_RECTIFIED << 3},
    };
    enum percept_status status = PERCEPT_OK;
    for (unsigned eye = 0; eye < 2 && status == PERCEPT_OK; eye++)
        status = read_opencv_lens(r, file, eye);
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == PERCEPT_OK; i++) {
        const struct pipe_tree *at = member(file, matrices[i].name);
        if (!at)
            continue;
        status = read_matrix(r, at, matrices[i].count, matrices[i].count, matrices[i].to, NULL);
        r->found |= matrices[i].found;
    }
    return status == PERCEPT_OK ? read_sizes(r, file, "image_width", "image_height") : status;
}

/* ---- Kalibr ---- */

static enum percept_status read_kalibr_lens(struct reader *r, const struct pipe_tree *cam,
                                            unsigned eye)
{
    const struct pipe_tree *model, *distortion, *coefficients, *intrinsics, *resolution;
    struct calibration_lens lens = {.kind = CALIBRATION_RADTAN};
    double f[4];
    enum percept_status status = need(r, cam, "camera_model", &model);
    if (status == PERCEPT_OK &&
        (model->kind != PIPE_TREE_TEXT || strcmp(model->text, "pinhole") != 0))
        return FAIL(r, model, "camera_model: expected pinhole");
    if (status == PERCEPT_OK)
        status = need(r, cam, "distortion_model", &distortion);
    if (status != PERCEPT_OK)
        return status;
    const char *kind = distortion->kind == PIPE_TREE_TEXT ? distortion->text : "";
    if (strcmp(kind, "radtan") != 0 && strcmp(kind, "equidistant") != 0 &&
        strcmp(kind, "none") != 0)
        return FAIL(r, distortion, "distortion_model: expected radtan, equidistant or none");
    if (strcmp(kind, "none") != 0) {
        lens.kind = kind[0] == 'e' ? CALIBRATION_FISHEYE : CALIBRATION_RADTAN;
        status = need(r, cam, "distortion_coeffs", &coefficients);
        if (status == PERCEPT_OK)
            status = read_numbers(r, coefficients, 4, 4, lens.k, NULL);
    }
    if (status == PERCEPT_OK)
        status = need(r, cam, "intrinsics", &intrinsics);
    if (status == PERCEPT_OK)
        status = read_numbers(r, intrinsics, 4, 4, f, NULL);
    if (status == PERCEPT_OK)
        status = need(r, cam, "resolution", &resolution);
    if (status == PERCEPT_OK)
        status = read_size(r, resolution);
    if (status != PERCEPT_OK)
        return status;
    lens.fx = f[0];
    lens.fy = f[1];
    lens.cx = f[2];
    lens.cy = f[3];
    r->out->lens[eye] = lens;
    r->found |= (unsigned)FOUND_LENS << eye;
    return check_lens(r, intrinsics, &lens);
}

static enum percept_status read_kalibr(struct reader *r, const struct pipe_tree *file)
{
    const struct pipe_tree *cam[2], *pose;
    enum percept_status status = need(r, file, "cam0", &cam[0]);
    if (status == PERCEPT_OK)
        status = need(r, file, "cam1", &cam[1]);
    for (unsigned eye = 0; eye < 2 && status == PERCEPT_OK; eye++)
        status = read_kalibr_lens(r, cam[eye], eye);
    if (status == PERCEPT_OK)
        status = need(r, cam[1], "T_cn_cnm1", &pose);
    if (status != PERCEPT_OK)
        return status;
    if (pose->kind != PIPE_TREE_LIST || pose->count != 4)
        return FAIL(r, pose, "T_cn_cnm1: expected 4 rows");
    for (size_t row = 0; row < 3; row++) {
        double values[4];
        status = read_numbers(r, pose->items[row].value, 4, 4, values, NULL);
        if (status != PERCEPT_OK)
            return status;
        memcpy(r->out->rotation[row], values, 3 * sizeof values[0]);
        r->out->translation[row] = values[3];
    }
    r->found |= FOUND_R | FOUND_T;
    return PERCEPT_OK;
}

/* ---- one camera ---- */

/* Of ROS, by what it calls its models of distortion; what is not said is OpenCV's. */
static enum percept_status take_model(struct reader *r, const struct pipe_tree *model)
{
    static const struct {
        const char *name;
        int kind;
    } models[] = {
        {"plumb_bob", CALIBRATION_RADTAN},
        {"rational_polynomial", CALIBRATION_RADTAN},
        {"equidistant", CALIBRATION_FISHEYE},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (model->kind == PIPE_TREE_TEXT && strcmp(model->text, models[i].name) == 0) {
            r->out->lens[0].kind = models[i].kind;
            return PERCEPT_OK;
        }
    return FAIL(r, model,
                "distortion_model: expected plumb_bob, rational_polynomial or equidistant");
}

static enum percept_status read_camera(struct reader *r, const struct pipe_tree *file)
{
    const struct pipe_tree *matrix = member(file, "K");
    const struct pipe_tree *model = member(file, "distortion_model");
    bool message = matrix != NULL;
    enum percept_status status = PERCEPT_OK;
    if (member(file, "cam0"))
        return read_kalibr_lens(r, member(file, "cam0"), 0);
    if (!message)
        status = need(r, file, "camera_matrix", &matrix);
    if (status == PERCEPT_OK)
        status = take_opencv_lens(r, file, matrix, message ? "D" : "distortion_coefficients", 0);
    if (status == PERCEPT_OK && model)
        status = take_model(r, model);
    if (status == PERCEPT_OK)
        status = message ? read_sizes(r, file, "width", "height")
                         : read_sizes(r, file, "image_width", "image_height");
    return status;
}

void calibration_set_pinhole(const struct calibration_lens *lens, struct calibration *out)
{
    const double pinhole[3][4] = {
        {lens->fx, 0, lens->cx, 0}, {0, lens->fy, lens->cy, 0}, {0, 0, 1, 0}};
    for (unsigned eye = 0; eye < 2; eye++) {
        out->lens[eye] = *lens;
        memcpy(out->projection[eye], pinhole, sizeof pinhole);
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++)
                out->to_rectified[eye][i][j] = out->rotation[i][j] = i == j;
    }
    out->translation[0] = -1;
    out->projection[1][0][3] = -lens->fx;
    out->rectified = true;
}

/* ---- a file ---- */

/* OpenCV's first line is not YAML's ("%YAML:1.0"); as blanks it keeps lines where they are. */
static void blank_directive(char *bytes, size_t size)
{
    static const char directive[] = "%YAML:";
    if (size < sizeof directive || memcmp(bytes, directive, sizeof directive - 1) != 0)
        return;
    for (size_t i = 0; i < size && bytes[i] != '\n'; i++)
        bytes[i] = ' ';
}

typedef enum percept_status reading(struct reader *r, const struct pipe_tree *file);

static enum percept_status read_pair(struct reader *r, const struct pipe_tree *file)
{
    return member(file, "cam0") ? read_kalibr(r, file) : read_opencv(r, file);
}

static enum percept_status read_bytes(struct reader *r, reading *read, const char *name,
                                      char *bytes, size_t size)
{
    struct base_arena arena = {0};
    const struct pipe_tree *tree;
    blank_directive(bytes, size);
    enum percept_status status = pipe_tree_parse(name, bytes, size, &arena, &tree, r->error);
    if (status == PERCEPT_OK)
        status = read(r, tree);
    base_arena_reset(&arena);
    return status;
}

static enum percept_status read_file(struct reader *r, reading *read, const char *path,
                                     const struct signing_keys *keys)
{
    char *bytes = NULL;
    size_t size = 0;
    enum percept_status status = pipe_tree_read_file(path, keys, &bytes, &size, r->error);
    if (status == PERCEPT_OK)
        status = read_bytes(r, read, path, bytes, size);
    free(bytes);
    return status;
}

/* Is it a rotation, as far as a file's digits can tell? */
static bool is_rotation(const double m[3][3])
{
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
            double dot = m[a][0] * m[b][0] + m[a][1] * m[b][1] + m[a][2] * m[b][2];
            if (fabs(dot - (a == b)) > 1e-3)
                return false;
        }
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
               m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
               m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]) >
           0;
}

/* Is what has been read of all files a whole calibration? last: for messages. */
static enum percept_status check_whole(const struct reader *r, const char *last)
{
    struct calibration *c = r->out;
    unsigned all = FOUND_RECTIFIED * 15;
    c->rectified = (r->found & all) == all;
    unsigned wanted = FOUND_LENS * 3 | (c->rectified ? 0 : FOUND_R | FOUND_T);
    if ((r->found & wanted) != wanted)
        return percept_fail_at(r->error, PERCEPT_MALFORMED, last, 0, 0,
                               "not a whole stereo calibration: expected M1 D1 M2 D2 R T (OpenCV, "
                               "maybe in two files) or cam0 and cam1 (Kalibr)");
    if (!c->rectified && !is_rotation((const double(*)[3])c->rotation))
        return percept_fail_at(r->error, PERCEPT_MALFORMED, last, 0, 0,
                               "the rotation between the cameras is none");
    for (unsigned eye = 0; c->rectified && eye < 2; eye++)
        if (!is_rotation((const double(*)[3])c->to_rectified[eye]) ||
            !(c->projection[eye][0][0] > 0 && c->projection[eye][1][1] > 0))
            return percept_fail_at(r->error, PERCEPT_MALFORMED, last, 0, 0,
                                   "R%u is no rotation or P%u no projection", eye + 1, eye + 1);
    return PERCEPT_OK;
}

enum percept_status calibration_read(const struct pipe_texts *files,
                                     const struct signing_keys *keys, struct calibration *out,
                                     struct percept_error *error)
{
    struct calibration c = {0};
    struct reader r = {.out = &c, .error = error};
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < files->count && status == PERCEPT_OK; i++)
        status = read_file(&r, read_pair, files->items[i].text, keys);
    if (status == PERCEPT_OK)
        status = check_whole(&r, files->count ? files->items[files->count - 1].text : "");
    if (status == PERCEPT_OK)
        *out = c;
    return status;
}

enum percept_status calibration_parse(const char *name, char *bytes, size_t size,
                                      struct calibration *out, struct percept_error *error)
{
    struct calibration c = {0};
    struct reader r = {.out = &c, .error = error};
    enum percept_status status = read_bytes(&r, read_pair, name, bytes, size);
    if (status == PERCEPT_OK)
        status = check_whole(&r, name);
    if (status == PERCEPT_OK)
        *out = c;
    return status;
}

enum percept_status calibration_read_camera(const char *path, const struct signing_keys *keys,
                                            struct calibration *out, struct percept_error *error)
{
    struct calibration c = {0};
    struct reader r = {.out = &c, .error = error};
    enum percept_status status = read_file(&r, read_camera, path, keys);
    if (status != PERCEPT_OK)
        return status;
    const struct calibration_lens lens = c.lens[0];
    calibration_set_pinhole(&lens, &c);
    *out = c;
    return status;
}
