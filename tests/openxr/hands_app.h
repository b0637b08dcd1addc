/* What tests of hands share: an app with trackers, a daemon with a topic of hands, and what its
 * camera sees. */
#ifndef TESTS_OPENXR_HANDS_APP_H
#define TESTS_OPENXR_HANDS_APP_H

#include "app.h"
#include "hand.h"
#include "mini.h"

#include "base/clock.h"

#define PATIENCE (200 * BASE_NS_PER_S)
#define FRAME    (33 * BASE_NS_PER_MS)

/* What the camera sees at a time, in ns from the newest sample. */
struct scene {
    unsigned samples; /* FRAME apart */
    void (*draw)(struct percept_hands *frame, int64_t from_newest);
};

extern struct app app;
extern struct mini *mini;
extern const char *path; /* the daemon's socket */

/* The path, which the layer finds in the environment; nobody listens there yet. */
void hands_set_path(void);
void hands_start_daemon(const struct ipc_guard *guard);
/* All of it, and the app. */
void hands_start(void);
void hands_stop(void);

void hands_publish(const struct percept_hands *frame);
void hands_locate(XrHandTrackerEXT tracker, XrSpace base, XrTime time, struct app_joints *joints);
/* Capture time of the newest sample that the layer has, when a hand is in it; 0. */
XrTime hands_newest(XrHandTrackerEXT tracker, struct app_joints *joints);
/*
 * Have the layer see the scene, then locate the hand at a time from its newest sample. On a machine
 * that is slow samples may be too old before we ask: then they are shown again. Returns the newest
 * sample's time.
 */
int64_t hands_show(const struct scene *scene, XrHandTrackerEXT tracker, XrSpace base,
                   int64_t from_newest, struct app_joints *joints);

/* A right hand that rests. */
extern const XrPosef at_rest;
void hands_draw_rest(struct percept_hands *frame, int64_t from_newest);
extern const struct scene rest;

/* Of the joints that were located. */
#define WRIST joints.joints[XR_HAND_JOINT_WRIST_EXT].pose

#endif
