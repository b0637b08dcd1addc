/*
 * What flows between nodes. A stream has a type; its payload is one of the fixed-size structs
 * below, so that a pipeline's memory is known before its first frame.
 *
 * Coordinates are image pixels as ipc/topics.h defines them: origin top left, y down, the first
 * pixel spans 0..1. Angles are radians, clockwise on screen.
 */
#ifndef PIPELINES_STREAM_H
#define PIPELINES_STREAM_H

#include "ipc/topics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pipe_stream_type {
    PIPE_FRAME,
    PIPE_DETECTIONS,
    PIPE_REGIONS,
    PIPE_HANDS,
    PIPE_HANDS_PRESENCE,
    PIPE_TENSORS,
    PIPE_TEXT,
    PIPE_TEXT_SELECTED,
    PIPE_TEXT_PRESENCE,
    PIPE_CAPTIONS,
    PIPE_AUDIO,
    PIPE_SPEECH,
    PIPE_STEREO, /* frames with a right eye; goes wherever frames do, as its left eye */
    PIPE_DEPTH,
    PIPE_PLANES,
    PIPE_TEXT_REGIONS,
    PIPE_RGBD, /* frames with measured depths; goes wherever frames do, as its picture */
    PIPE_STREAM_TYPES
};

/* Name as messages and docs/nodes.md write it. */
const char *pipe_stream_type_name(enum pipe_stream_type type);
/* Bytes of a payload; 0 for frames, which are passed by reference. */
size_t pipe_stream_type_size(enum pipe_stream_type type);
/* Of types with data behind the payload (tensors, depth): where those begin, from the payload's
 * start; 0 for others. */
size_t pipe_stream_type_room(enum pipe_stream_type type);
/* May an input of one type take a stream of another? */
bool pipe_stream_type_takes(enum pipe_stream_type input, enum pipe_stream_type stream);

/* What a camera that measures depth gave, as it gave it. */
struct pipe_raw_depth {
    uint16_t *values; /* width * height; 0: nothing was measured there */
    uint32_t width, height;
    double unit_m;  /* metres of a value of one */
    bool has_photo; /* the frame's picture is a camera's, of the same view; else these depths drawn
                     */
};

/* Where a camera was: metres, and x y z w of the rotation from the camera to its world. */
struct pipe_pose {
    bool known;
    float position_m[3], orientation[4];
};

/* An image that some thread may be reading: RGB, 8 bits a channel. Memory: pipelines/frame.h. */
struct pipe_frame {
    uint8_t *pixels; /* stride * height bytes, and PIPE_FRAME_PADDING readable ones after them */
    uint32_t width, height, stride; /* stride in bytes, >= 3 * width */
    int64_t capture_ns;             /* CLOCK_MONOTONIC */
    uint64_t number;                /* of the source, from 0; gaps are frames that were dropped */
    /* What the frame shows of the sensor's image, of which a source may give a part, made smaller
     * or larger: pixel (x, y) is at view[0] + x / view[2], view[1] + y / view[2] of it. */
    float view[3];
    /* PIPE_STEREO: the other eye, which lives as long as this frame and has no number; else NULL.
     * Its size may be another. */
    struct pipe_frame *right;
    struct pipe_raw_depth *raw; /* PIPE_RGBD: lives as long as this frame; else NULL */
    /* How much later the other half was captured: the right eye; of PIPE_RGBD, the picture. */
    int64_t skew_ns;
    struct pipe_pose pose; /* of the (left) camera, where a recording says */
};
#define PIPE_FRAME_PADDING 64

/* A rotated square of the image. At rotation 0 its top is towards the image's top. */
struct pipe_square {
    float x, y; /* centre */
    float side;
    float rotation;
};

/* ---- palms ---- */

#define PIPE_PALM_KEYPOINTS                                               \
    7 /* 0 wrist, 1 index MCP, 2 middle MCP, 3 ring, 4 little, 5..6 thumb \
       */
#define PIPE_MAX_DETECTIONS 8

struct pipe_detection {
    float score; /* 0..1 */
    float left, top, width, height;
    float keypoints[PIPE_PALM_KEYPOINTS][2];
};

struct pipe_detections {
    uint32_t count;
    bool ran; /* false: the detector had no reason to look at this frame */
    struct pipe_detection items[PIPE_MAX_DETECTIONS]; /* best first */
};

/* ---- regions: where the landmark net should look ---- */

struct pipe_region {
    struct pipe_square square;
    uint32_t id; /* of the hand that is followed; 0: newly detected */
    float detection_score;
};

struct pipe_regions {
    uint32_t count;
    uint32_t wanted; /* how many more hands a detector should look for in this frame; 0: none */
    bool detector_ran;
    struct pipe_region items[PERCEPT_HANDS_MAX];
};

/* ---- text: where there may be some ---- */

#define PIPE_TEXT_REGIONS_MAX PERCEPT_TEXT_LINES_MAX

struct pipe_text_region {
    float corners[4][2]; /* of the upright rectangle's top left, then clockwise; not by reading */
    float score;         /* 0..1 */
};

struct pipe_text_regions {
    uint32_t count;
    bool ran;       /* false: the picture is as it was, but for `moved`, and so are the regions */
    float moved[2]; /* by how much they lie further to the right and below than where they were
                       found, pixels */
    struct pipe_text_region items[PIPE_TEXT_REGIONS_MAX]; /* best first */
};

/* ---- tensors ---- */

struct pipe_tensor {
    const char *name; /* up to 63 bytes; the producing node's, as long as it lives */
    uint32_t dtype;   /* enum percept_dtype */
    uint32_t rank;    /* up to PERCEPT_TENSOR_RANK_MAX */
    uint32_t sizes[PERCEPT_TENSOR_RANK_MAX];
    const void *data; /* row-major, 64-byte aligned */
    size_t bytes;
};

/* As ipc/topics.h says of struct percept_tensors. An output of this type has room for the data of
 * its tensors right behind it: as many bytes as its node's output_bytes said. */
struct pipe_tensors {
    int64_t capture_ns;
    uint64_t frame;
    uint32_t image_width, image_height;
    float image_rect[4];
    uint32_t count;
    struct pipe_tensor items[PERCEPT_TENSORS_MAX];
};
#define PIPE_TENSOR_ALIGNMENT 64
/* Where that room begins, from the payload's start. */
#define PIPE_TENSORS_ROOM                                        \
    ((sizeof(struct pipe_tensors) + PIPE_TENSOR_ALIGNMENT - 1) & \
     ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1))

/* ---- sound ---- */

#define PIPE_AUDIO_RATE    16000 /* samples a second */
#define PIPE_AUDIO_SAMPLES 512   /* of a block, at most: 32 ms */

/*
 * A block of sound: mono. Unlike frames, of which the newest counts, blocks queue up: none is left
 * out but where a block says so.
 */
struct pipe_audio {
    int64_t capture_ns; /* CLOCK_MONOTONIC, of its first sample */
    uint64_t first;     /* running number of its first sample; lost ones have numbers, too */
    uint64_t lost;      /* samples that are missing right before it, as far as that is known */
    uint32_t count;     /* of samples; fewer than PIPE_AUDIO_SAMPLES where a recording ends */
    bool begins;        /* not the continuation of the block before: something is missing, or
                           another recording begins */
    bool forget;        /* begins, and what was heard before is not to be used any more: the privacy
                           switch was on, or nobody listened */
    bool last;          /* nothing follows */
    float samples[PIPE_AUDIO_SAMPLES]; /* -1..1 */
};

/* Whether somebody speaks. A stretch of speech begins some time before it is recognised as such, so
 * who wants its sound keeps PIPE_SPEECH_BEFORE samples of what went before. */
#define PIPE_SPEECH_BEFORE PIPE_AUDIO_RATE

struct pipe_speech {
    int64_t capture_ns; /* of the block */
    float probability;  /* 0..1, that somebody speaks in the newest 32 ms */
    bool speaking;      /* a stretch is open after this block */
    bool begun;         /* one was opened in it; begin is where */
    bool ended;     /* the one that was open is over; end is where. Before `begun` if both are */
    bool cut;       /* ended, but because it was long: the next may go on in mid-sentence */
    bool forgotten; /* the one that was open is not to be used */
    uint64_t begin; /* running number of the first sample of the last stretch that was opened */
    uint64_t end;   /* behind the last sample of the last one that ended */
};

/* ---- depth ---- */

/* As ipc/topics.h says of struct percept_depth. An output of this type has room for its maps right
 * behind it (pipelines/depth_map.h). */
struct pipe_depth {
    int64_t capture_ns;
    uint64_t frame;
    uint32_t width, height;
    uint32_t flags; /* enum percept_depth_flags */
    uint32_t dtype; /* to be published as: PERCEPT_UINT16 (millimetres) or PERCEPT_FLOAT32 */
    float fx, fy, cx, cy;
    float baseline_m, near_m, far_m, vertical_px, known;
    bool pose_known;
    float position_m[3], orientation[4];
    float *metres;       /* width * height, 0: not known */
    uint8_t *confidence; /* width * height */
};

/*
 * Streams that are what is published (ipc/topics.h; model_ns is filled on publishing):
 * PIPE_HANDS is a struct percept_hands, PIPE_HANDS_PRESENCE a percept_hands_presence,
 * PIPE_TEXT a percept_text, PIPE_TEXT_SELECTED a percept_text_selected, PIPE_TEXT_PRESENCE a
 * percept_text_presence, PIPE_CAPTIONS a percept_captions, PIPE_PLANES a percept_planes.
 */

#endif
