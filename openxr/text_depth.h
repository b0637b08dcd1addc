/* How far away text is, by a depth map that was measured at another moment. */
#ifndef OPENXR_TEXT_DEPTH_H
#define OPENXR_TEXT_DEPTH_H

#include "openxr/feed_depth.h"
#include "openxr/text_view.h"

/*
 * Cameras are where they were when the text's image and the map were captured, both in the app's
 * space. corners: of the text, at a distance of 1 before the camera (x, y, -1). The plane: 1/z, per
 * metre, is [0] + [1] x + [2] y. False when too little is known there.
 */
bool text_depth_plane(const XrVector3f corners[4], const XrPosef *camera,
                      const struct feed_depth *depth, const XrPosef *depth_camera, float plane[3]);

#endif
