/*
 * The payloads that Percept publishes: plain C structs of fixed layout, the same on every supported
 * machine (little-endian, natural alignment, no pointers, no implicit padding).
 *
 * A payload sits in a read-only shared-memory slot. Schemas are versioned by name: a change of
 * layout is a new schema string. Images: origin top left, x right, y down, pixel centres at .5 (the
 * first pixel spans 0..1). Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef IPC_TOPICS_H
#define IPC_TOPICS_H

#include <assert.h>
#include <stdint.h>

/* ---- hands ---- */

#define PERCEPT_HANDS_SCHEMA   "percept.hands/1"
#define PERCEPT_HAND_LANDMARKS 21
#define PERCEPT_HANDS_MAX      2

/*
 * Landmark order (MediaPipe's hand model): 0 wrist; then 4 each for thumb (CMC, MCP, IP, TIP),
 * index, middle, ring and little finger (MCP, PIP, DIP, TIP). Fingertips are 4, 8, 12, 16, 20.
 */
enum percept_hand_landmark {
    PERCEPT_WRIST = 0,
    PERCEPT_THUMB_TIP = 4,
    PERCEPT_INDEX_TIP = 8,
    PERCEPT_MIDDLE_TIP = 12,
    PERCEPT_RING_TIP = 16,
    PERCEPT_LITTLE_TIP = 20,
};

enum percept_handedness { PERCEPT_HAND_LEFT = 0, PERCEPT_HAND_RIGHT = 1 };

struct percept_hand {
    uint32_t id; /* stable while the hand is tracked; never reused in a daemon's life; from 1 */
    uint32_t handedness;    /* enum percept_handedness: the person's own left or right, image not
                               mirrored */
    float handedness_score; /* 0.5..1, how sure of it */
    float presence;         /* 0..1, that the region holds a hand (landmark net) */
    float detection_score;  /* 0..1, palm detector's score when this hand was last detected */
    /* The square region the landmark net looked at: centre and side in image pixels, rotation in
     * radians, clockwise from image-up to the wrist-to-middle-finger direction. */
    float region_center[2], region_size, region_rotation;
    float image[PERCEPT_HAND_LANDMARKS][3]; /* x, y in image pixels; z in the same scale, relative
                                               to the wrist, smaller is nearer */
    float world[PERCEPT_HAND_LANDMARKS]
               [3]; /* metres from the wrist: x right, y down, z away from the camera */
    uint32_t reserved[3];
};

struct percept_hands {
    int64_t capture_ns; /* when the frame was captured */
    int64_t
        model_ns; /* time spent running models for this frame: the rest of the latency is ours */
    uint64_t
        frame; /* the source's frame number, from 0; gaps are frames dropped before the pipeline */
    uint32_t image_width; /* of the frame, pixels */
    uint32_t image_height;
    uint32_t hand_count;   /* 0..PERCEPT_HANDS_MAX; the rest of hands[] is zero */
    uint32_t detector_ran; /* 1 when the palm detector ran on this frame */
    struct percept_hand hands[PERCEPT_HANDS_MAX];
};

static_assert(sizeof(struct percept_hand) == 12 * 4 + 21 * 3 * 4 * 2, "no padding");
static_assert(sizeof(struct percept_hands) == 40 + 2 * sizeof(struct percept_hand), "no padding");

/* ---- frames: camera images; a sensitive topic ---- */

#define PERCEPT_FRAME_SCHEMA "percept.frame/1"

enum percept_pixel_format { PERCEPT_PIXELS_RGB8 = 1, PERCEPT_PIXELS_GRAY8 = 2 };

struct percept_frame {
    int64_t capture_ns;
    uint64_t frame; /* as in percept_hands */
    uint32_t width, height;
    uint32_t stride;  /* bytes a row */
    uint32_t format;  /* enum percept_pixel_format */
    uint8_t pixels[]; /* stride * height bytes */
};

static_assert(sizeof(struct percept_frame) == 32, "no padding");

#endif
