/* Why: matching along rows is forty times cheaper than along any line, so both cameras are turned
 * until a point is on the same row in both. */
#include "pipelines/calibration.h"

#include <math.h>
#include <string.h>

/* ---- small matrices ---- */

static void multiply(const double a[3][3], const double b[3][3], double out[3][3])
{
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void transpose(const double a[3][3], double out[3][3])
{
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            out[i][j] = a[j][i];
}

static void turn(const double a[3][3], const double v[3], double out[3])
{
    for (size_t i = 0; i < 3; i++)
        out[i] = a[i][0] * v[0] + a[i][1] * v[1] + a[i][2] * v[2];
}

static double length(const double v[3])
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

/* Rodrigues: a rotation about an axis, by its length in radians. */
static void rotation_about(const double axis[3], double out[3][3])
{
    double angle = length(axis), s = sin(angle), c = cos(angle);
    double x = 0, y = 0, z = 1;
    if (angle > 1e-15) {
        x = axis[0] / angle;
        y = axis[1] / angle;
        z = axis[2] / angle;
    }
    const double m[3][3] = {
        {c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s},
        {y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s},
        {z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)},
    };
    memcpy(out, m, sizeof m);
}

/* Half of a rotation by less than half a turn. */
static void half_rotation(const double m[3][3], double out[3][3])
{
    double axis[3] = {m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]};
    double sine = length(axis) / 2, cosine = (m[0][0] + m[1][1] + m[2][2] - 1) / 2;
    double scale = sine > 1e-15 ? atan2(sine, cosine) / 2 / (2 * sine) : 0;
    for (size_t i = 0; i < 3; i++)
        axis[i] *= scale;
    rotation_about(axis, out);
}

/* ---- lenses ---- */

/* Where a lens shows a ray (x / z, y / z), pixels. */
static void project(const struct calibration_lens *lens, double x, double y, double out[2])
{
    const double *k = lens->k;
    double r2 = x * x + y * y;
    if (lens->kind == CALIBRATION_FISHEYE) {
        double r = sqrt(r2), a = atan(r), a2 = a * a;
        double bent = a * (1 + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))));
        double scale = r > 1e-12 ? bent / r : 1;
        x *= scale;
        y *= scale;
    } else {
        double radial = (1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) /
                        (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])));
        double bent_x = x * radial + 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x);
        y = y * radial + k[2] * (r2 + 2 * y * y) + 2 * k[3] * x * y;
        x = bent_x;
    }
    out[0] = lens->fx * x + lens->cx;
    out[1] = lens->fy * y + lens->cy;
}

/* The ray that a lens shows at a pixel, by Newton's method on project: an inverse in closed form
 * does not exist. */
static void unproject(const struct calibration_lens *lens, double u, double v, double out[2])
{
    double x = (u - lens->cx) / lens->fx, y = (v - lens->cy) / lens->fy;
    if (lens->kind == CALIBRATION_FISHEYE) {
        double a = fmin(sqrt(x * x + y * y), 1.4), scale = a > 1e-12 ? tan(a) / a : 1;
        x *= scale;
        y *= scale;
    }
    for (unsigned i = 0; i < 30; i++) {
        const double step = 1e-6;
        double at[2], right[2], below[2];
        project(lens, x, y, at);
        project(lens, x + step, y, right);
        project(lens, x, y + step, below);
        double a = (right[0] - at[0]) / step, b = (below[0] - at[0]) / step;
        double c = (right[1] - at[1]) / step, d = (below[1] - at[1]) / step;
        double off_u = u - at[0], off_v = v - at[1], determinant = a * d - b * c;
        if (fabs(determinant) < 1e-9)
            break;
        x += (d * off_u - b * off_v) / determinant;
        y += (a * off_v - c * off_u) / determinant;
        if (off_u * off_u + off_v * off_v < 1e-16)
            break;
    }
    out[0] = x;
    out[1] = y;
}

/* ---- rectification ---- */

static void turn_cameras(struct calibration *c)
{
    double half[3][3], back[3][3], t[3], align[3][3];
    half_rotation((const double(*)[3])c->rotation, half);
    transpose((const double(*)[3])half, back);
    /* The left camera by half of it, the right one by half of it back. What is `half` for a point
     * is, for the baseline as both now see it: */
    turn((const double(*)[3])back, c->translation, t);
    /* Then both about the shortest way from the baseline to the x axis. */
    double axis[3] = {0, -t[2], t[1]}, sine = length(axis), size = length(t);
    double angle = acos(fmin(fabs(t[0]) / size, 1));
    for (size_t i = 0; i < 3; i++)
        axis[i] = sine > 0 ? axis[i] / sine * angle : 0;
    rotation_about(axis, align);
    multiply((const double(*)[3])align, (const double(*)[3])half, c->to_rectified[0]);
    multiply((const double(*)[3])align, (const double(*)[3])back, c->to_rectified[1]);
}

/* What of the rectified plane (at distance 1) a camera's image covers without a gap: from the
 * points of its border. left, top, right, bottom. */
static void find_inside(const struct calibration *c, unsigned eye, double out[4])
{
    enum { POINTS = 33 };
    double width = c->width - 1, height = c->height - 1;
    out[0] = out[1] = -INFINITY;
    out[2] = out[3] = INFINITY;
    for (unsigned i = 0; i < POINTS; i++)
        for (unsigned side = 0; side < 4; side++) {
            double along = (double)i / (POINTS - 1), ray[2], turned[3];
            double u = side == 0 ? 0 : side == 2 ? width : along * width;
            double v = side == 1 ? 0 : side == 3 ? height : along * height;
            unproject(&c->lens[eye], u, v, ray);
            turn((const double(*)[3])c->to_rectified[eye], (const double[3]){ray[0], ray[1], 1},
                 turned);
            double at = turned[side & 1] / turned[2];
            out[side] = side < 2 ? fmax(out[side], at) : fmin(out[side], at);
        }
}

enum percept_status calibration_rectify(struct calibration *c, struct percept_error *error)
{
    if (c->rectified)
        return PERCEPT_OK;
    if (!c->width || !c->height)
        return percept_fail(error, PERCEPT_INVALID,
                            "the calibration does not say what size of image it is for");
    turn_cameras(c);
    double baseline[3], inside[2][4];
    turn((const double(*)[3])c->to_rectified[1], c->translation, baseline);
    if (!(fabs(c->translation[0]) > fabs(c->translation[1])))
        return percept_fail(error, PERCEPT_INVALID, "cameras one above the other");
    if (!(baseline[0] < 0))
        return percept_fail(error, PERCEPT_INVALID,
                            "the second camera is to the left of the first: swap them");
    find_inside(c, 0, inside[0]);
    find_inside(c, 1, inside[1]);
    /* Rows are common, columns each camera's own; but with one centre infinitely far is at
     * disparity 0, so columns are common, too. */
    double left = fmax(inside[0][0], inside[1][0]), top = fmax(inside[0][1], inside[1][1]);
    double right = fmin(inside[0][2], inside[1][2]), bottom = fmin(inside[0][3], inside[1][3]);
    if (!(left < right && top < bottom))
        return percept_fail(error, PERCEPT_INVALID, "the cameras do not look the same way");
    double f = fmax((c->width - 1) / (right - left), (c->height - 1) / (bottom - top));
    double cx = (c->width - 1) / 2.0 - f * (left + right) / 2;
    double cy = (c->height - 1) / 2.0 - f * (top + bottom) / 2;
    for (unsigned eye = 0; eye < 2; eye++) {
        const double p[3][4] = {{f, 0, cx, eye ? f * baseline[0] : 0}, {0, f, cy, 0}, {0, 0, 1, 0}};
        memcpy(c->projection[eye], p, sizeof p);
    }
    c->rectified = true;
    return PERCEPT_OK;
}

void calibration_find(const struct calibration *c, unsigned eye, double x, double y, double out[2])
{
    const double(*p)[4] = c->projection[eye];
    const double ray[3] = {(x - p[0][2]) / p[0][0], (y - p[1][2]) / p[1][1], 1};
    double back[3][3], turned[3];
    transpose((const double(*)[3])c->to_rectified[eye], back);
    turn((const double(*)[3])back, ray, turned);
    if (turned[2] <= 1e-6) { /* behind the camera */
        out[0] = out[1] = -1e6;
        return;
    }
    project(&c->lens[eye], turned[0] / turned[2], turned[1] / turned[2], out);
}

bool calibration_is_plain(const struct calibration *c)
{
    for (unsigned eye = 0; eye < 2; eye++) {
        const struct calibration_lens *lens = &c->lens[eye];
        const double(*p)[4] = c->projection[eye];
        for (size_t i = 0; i < 8; i++)
            if (lens->k[i] != 0)
                return false;
        for (size_t i = 0; i < 9; i++)
            if (fabs(c->to_rectified[eye][i / 3][i % 3] - (i % 4 == 0)) > 1e-9)
                return false;
        if (lens->kind != CALIBRATION_RADTAN || lens->fx != p[0][0] || lens->fy != p[1][1] ||
            lens->cx != p[0][2] || lens->cy != p[1][2])
            return false;
    }
    return true;
}
