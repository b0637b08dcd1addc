/* XR_FB_hand_tracking_aim: where a hand points, and which fingers pinch. */
#ifndef OPENXR_AIM_H
#define OPENXR_AIM_H

#include "openxr/locate.h"

/* Fills all but type and next. motion NULL: nothing is known. */
void aim_fill(const struct hand_motion *motion, XrHandEXT hand, XrHandTrackingAimStateFB *aim);

#endif
