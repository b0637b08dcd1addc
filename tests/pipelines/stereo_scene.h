/* Stereo frames of scenes whose depth is known. */
#ifndef TESTS_PIPELINES_STEREO_SCENE_H
#define TESTS_PIPELINES_STEREO_SCENE_H

#include <stdint.h>

/* What stands before the eyes: a textured wall with a square before it, both facing the camera. */
struct stereo_scene {
    uint32_t width, height;
    int wall, square; /* disparities, pixels */
    int down;         /* rows by which the right eye's image is too low */
    int noise;        /* of each eye alone, in steps of brightness */
};

/* The disparity at a pixel of the left eye. */
int stereo_scene_disparity(const struct stereo_scene *scene, int x, int y);

/* An eye (0 left, 1 right) of it, RGB. */
void stereo_scene_draw(const struct stereo_scene *scene, unsigned eye, uint8_t *pixels,
                       uint32_t stride);

#endif
