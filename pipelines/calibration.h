/*
 * What is known of a stereo camera, from the files that calibration tools write:
 *
 * OpenCV (cv::FileStorage as YAML; its sample stereo_calib writes two files): M1 D1 M2 D2, R T, and
 * where they were computed R1 R2 P1 P2; image_width and image_height, or image_size, where given.
 * D has 4, 5 or 8 coefficients (k1 k2 p1 p2 k3 k4 k5 k6).
 * Kalibr (camchain.yaml): cam0, the left, and cam1: intrinsics of a pinhole, distortion radtan,
 * equidistant or none, resolution, T_cn_cnm1.
 *
 * Pixels are as in those tools: the first one's centre is at 0, 0.
 */
#ifndef PIPELINES_CALIBRATION_H
#define PIPELINES_CALIBRATION_H

#include "base/status.h"
#include "pipelines/param.h"

#include <stdbool.h>
#include <stdint.h>

struct signing_keys;

enum calibration_lens_kind {
    CALIBRATION_RADTAN, /* Brown: radial and tangential */
    CALIBRATION_FISHEYE /* Kannala and Brandt: equidistant, k1..k4 */
};

struct calibration_lens {
    double fx, fy, cx, cy;
    int kind;    /* enum calibration_lens_kind */
    double k[8]; /* RADTAN: k1 k2 p1 p2 k3 k4 k5 k6; FISHEYE: k1..k4 */
};

struct calibration {
    uint32_t width, height; /* of the images it was made with; 0: not said */
    struct calibration_lens lens[2];
    double rotation[3][3];        /* of a point from the left camera to the right one, and then: */
    double translation[3];        /* in the file's units */
    bool rectified;               /* what follows is known */
    double to_rectified[2][3][3]; /* R1, R2 */
    double projection[2][3][4];   /* P1, P2 */
};

/* Read the files, each of which adds to what the others say. MALFORMED, NOT_FOUND with the place.
 * With keys, one of them must have signed each. */
enum percept_status calibration_read(const struct pipe_texts *files,
                                     const struct signing_keys *keys, struct calibration *out,
                                     struct percept_error *error);

/* The same of one file's bytes, which are changed; name is for messages. */
enum percept_status calibration_parse(const char *name, char *bytes, size_t size,
                                      struct calibration *out, struct percept_error *error);

/*
 * One camera that measures depth: the lens of its images, for both eyes, which are a metre apart,
 * and rectified to the same pinhole without distortion.
 *
 * OpenCV (its sample calibration), ROS (camera_calibration's YAML, and a CameraInfo message as YAML
 * or JSON): camera_matrix or K, distortion_coefficients or D, image_width and image_height or width
 * and height; distortion_model where it is said. Kalibr: cam0. With keys, one of them must have
 * signed it.
 */
enum percept_status calibration_read_camera(const char *path, const struct signing_keys *keys,
                                            struct calibration *out, struct percept_error *error);
/* The same of a pinhole without distortion. */
void calibration_set_pinhole(const struct calibration_lens *lens, struct calibration *out);

/*
 * Compute to_rectified and projection (Bouguet's way: each camera turned by half of the rotation
 * between them, then both so that the baseline is their x axis), if the file did not have them.
 * Focal length and centre are such that rectified images of the calibrated size show as much as
 * they can without an empty border. Needs the size. INVALID for cameras of which the second is not
 * to the right of the first.
 */
enum percept_status calibration_rectify(struct calibration *calibration,
                                        struct percept_error *error);

/* Where a camera's image (0 left, 1 right) shows the point at (x, y) of its rectified image. */
void calibration_find(const struct calibration *calibration, unsigned eye, double x, double y,
                      double out[2]);

/* Nothing to do but to scale: no distortion, no rotation. */
bool calibration_is_plain(const struct calibration *calibration);

#endif
