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

/* ---- hands.presence: how many hands there are, and no more ---- */

#define PERCEPT_HANDS_PRESENCE_SCHEMA "percept.hands_presence/1"

struct percept_hands_presence {
    int64_t capture_ns;  /* when the frame was captured */
    int64_t since_ns;    /* when the first frame in a row with this many was */
    uint32_t hand_count; /* 0..PERCEPT_HANDS_MAX */
    uint32_t reserved;
};

static_assert(sizeof(struct percept_hands_presence) == 24, "no padding");

/* ---- indicator: which sensors are live, and for whom; for everybody to read ---- */

#define PERCEPT_INDICATOR_SCHEMA   "percept.indicator/1"
#define PERCEPT_SENSORS_MAX        64
#define PERCEPT_SENSOR_READERS_MAX 64

enum percept_sensor_kind {
    PERCEPT_SENSOR_OTHER = 0,
    PERCEPT_SENSOR_CAMERA = 1,
    PERCEPT_SENSOR_RECORDING = 2, /* files that are played in place of a sensor */
    PERCEPT_SENSOR_MICROPHONE = 3,
};

struct percept_sensor {
    uint32_t kind;         /* enum percept_sensor_kind */
    uint32_t live;         /* 1 while the daemon takes from it; a camera that is away counts */
    int64_t since_ns;      /* when that began, or ended */
    uint32_t reader_count; /* subscriptions to what is made of it */
    uint32_t reserved;
    char pipeline[64]; /* that it feeds, as the configuration calls it; NUL-terminated */
};

struct percept_sensor_reader {
    uint32_t sensor; /* index in sensors */
    uint32_t uid;
    int64_t pid;      /* 0: in another pid name space */
    char topic[64];   /* NUL-terminated */
    char program[64]; /* name of its executable file, cut to 63 bytes; "" when not known */
};

struct percept_indicator {
    int64_t time_ns; /* when it became so */
    uint32_t sensor_count;
    uint32_t reader_count; /* in readers, which lists the first PERCEPT_SENSOR_READERS_MAX */
    struct percept_sensor sensors[PERCEPT_SENSORS_MAX];
    struct percept_sensor_reader readers[PERCEPT_SENSOR_READERS_MAX];
};

static_assert(sizeof(struct percept_sensor) == 88, "no padding");
static_assert(sizeof(struct percept_sensor_reader) == 144, "no padding");
static_assert(sizeof(struct percept_indicator) == 16 + 64 * 88 + 64 * 144, "no padding");

/* ---- tensors: what a model gives, as it gives it (the node `model`) ---- */

#define PERCEPT_TENSORS_SCHEMA  "percept.tensors/1"
#define PERCEPT_TENSORS_MAX     16
#define PERCEPT_TENSOR_RANK_MAX 8

/* Numbered as ExecuTorch does (scalar_type.fbs). */
enum percept_dtype {
    PERCEPT_UINT8 = 0,
    PERCEPT_INT8 = 1,
    PERCEPT_INT16 = 2,
    PERCEPT_INT32 = 3,
    PERCEPT_INT64 = 4,
    PERCEPT_FLOAT16 = 5,
    PERCEPT_FLOAT32 = 6,
    PERCEPT_FLOAT64 = 7,
    PERCEPT_BOOL = 11, /* a byte, 0 or 1 */
    PERCEPT_BFLOAT16 = 15,
    PERCEPT_UINT16 = 27,
    PERCEPT_UINT32 = 28,
    PERCEPT_UINT64 = 29,
};

struct percept_tensor {
    char name[64];                           /* NUL-terminated; unique in the payload */
    uint32_t dtype;                          /* enum percept_dtype */
    uint32_t rank;                           /* 0: a single number */
    uint32_t sizes[PERCEPT_TENSOR_RANK_MAX]; /* elements; beyond the rank 0 */
    uint64_t offset; /* of its data from the payload's start, a multiple of 64 */
    uint64_t bytes;  /* of its data: row-major, without gaps */
};

struct percept_tensors {
    int64_t capture_ns;                 /* of the frame */
    int64_t model_ns;                   /* as in percept_hands */
    uint64_t frame;                     /* as in percept_hands */
    uint32_t image_width, image_height; /* of the frame, pixels */
    /* What of the image the model's input showed: left, top, width, height in pixels; beyond the
     * image where the input was padded. A place (x, y) of the input, each 0..1, is at left + x *
     * width, top + y * height of the image. */
    float image_rect[4];
    uint32_t tensor_count; /* 0..PERCEPT_TENSORS_MAX; the rest of tensors[] is zero */
    uint32_t reserved;
    struct percept_tensor tensors[PERCEPT_TENSORS_MAX];
    /* their data follow */
};

static_assert(sizeof(struct percept_tensor) == 120, "no padding");
static_assert(sizeof(struct percept_tensors) == 56 + 16 * 120, "no padding");

/* ---- text: what is written in the world ---- */

#define PERCEPT_TEXT_SCHEMA          "percept.text/1"
#define PERCEPT_TEXT_SELECTED_SCHEMA "percept.text_selected/1"
#define PERCEPT_TEXT_PRESENCE_SCHEMA "percept.text_presence/1"
#define PERCEPT_TEXT_LINES_MAX       64
#define PERCEPT_TEXT_ACTIONS_MAX     64
/* Texts are valid UTF-8, NUL-terminated; what is longer was cut between two characters. Languages
 * are ISO 639 codes ("en", "pt", "zh"), "" when not known. */
#define PERCEPT_LINE_BYTES     256
#define PERCEPT_LANGUAGE_BYTES 8

struct percept_text_line {
    uint32_t id; /* stable while the line is tracked; never reused in a daemon's life; from 1 */
    float detection_score; /* 0..1 */
    float score;           /* 0..1, how sure of the characters: their mean */
    uint32_t seen;         /* 1: found in this frame; 0: carried over from an earlier one */
    float corners[4][2];   /* px: top left as one reads it, then clockwise */
    int64_t first_ns;      /* capture time of the frame in which it was found first */
    int64_t read_ns;       /* of the last frame that its characters were read in */
    char language[PERCEPT_LANGUAGE_BYTES];
    char translation_language[PERCEPT_LANGUAGE_BYTES]; /* "": it was not translated */
    char text[PERCEPT_LINE_BYTES];
    char translation[PERCEPT_LINE_BYTES];
};

enum percept_text_action_kind {
    PERCEPT_ACTION_OTHER = 0,
    PERCEPT_ACTION_URL = 1,     /* value: with its scheme */
    PERCEPT_ACTION_PHONE = 2,   /* value: digits, and + in front of a country code */
    PERCEPT_ACTION_EMAIL = 3,   /* value: the address */
    PERCEPT_ACTION_ADDRESS = 4, /* value: the postal address in one line */
    PERCEPT_ACTION_DATE = 5,    /* value: ISO 8601, as much of it as is written */
    PERCEPT_ACTION_PRICE = 6,   /* value: ISO 4217 code, a space, a decimal number */
};

/* Something that an app could offer to do with a line. */
struct percept_text_action {
    uint32_t kind;       /* enum percept_text_action_kind */
    uint32_t line;       /* index in lines */
    uint32_t begin, end; /* which bytes of its text */
    char value[128];     /* in a form for machines; UTF-8, NUL-terminated */
};

struct percept_text {
    int64_t capture_ns; /* as in percept_hands */
    int64_t model_ns;
    uint64_t frame;
    uint32_t image_width, image_height;
    uint32_t line_count;   /* 0..PERCEPT_TEXT_LINES_MAX, in reading order; the rest is zero */
    uint32_t action_count; /* 0..PERCEPT_TEXT_ACTIONS_MAX; the rest is zero */
    struct percept_text_line lines[PERCEPT_TEXT_LINES_MAX];
    struct percept_text_action actions[PERCEPT_TEXT_ACTIONS_MAX];
};

static_assert(sizeof(struct percept_text_line) == 64 + 16 + 512, "no padding");
static_assert(sizeof(struct percept_text_action) == 144, "no padding");
static_assert(sizeof(struct percept_text) == 40 + 64 * 592 + 64 * 144, "no padding");

/* ---- text.selected: the line that a fingertip points at ---- */

#define PERCEPT_SELECTED_ACTIONS_MAX 8

struct percept_text_selected {
    int64_t capture_ns; /* of the frame */
    int64_t since_ns;   /* when it was selected, or when the last one no longer was */
    uint32_t selected;  /* 1: `line` is; 0: nothing is, and all that follows is zero */
    uint32_t hand;      /* id of the hand that points */
    float point[2];     /* px, where to */
    uint32_t action_count;
    uint32_t reserved;
    struct percept_text_line line;
    struct percept_text_action actions[PERCEPT_SELECTED_ACTIONS_MAX]; /* their `line` is 0 */
};

static_assert(sizeof(struct percept_text_selected) == 40 + 592 + 8 * 144, "no padding");

/* ---- text.presence: whether there is text, and no more ---- */

struct percept_text_presence {
    int64_t capture_ns;  /* of the frame */
    int64_t since_ns;    /* when the first frame in a row with this many lines was */
    uint32_t line_count; /* 0..PERCEPT_TEXT_LINES_MAX */
    uint32_t reserved;
};

static_assert(sizeof(struct percept_text_presence) == 24, "no padding");

/* ---- captions: what is being said ---- */

#define PERCEPT_CAPTIONS_SCHEMA "percept.captions/1"
#define PERCEPT_CAPTIONS_MAX    8
#define PERCEPT_CAPTION_BYTES   512

struct percept_caption {
    uint64_t id; /* of the utterance, from 1; later versions of a caption have the same */
    int64_t begin_ns, end_ns; /* of the speech, CLOCK_MONOTONIC */
    uint32_t final;           /* 1: it will not change any more */
    uint32_t version;         /* from 1 */
    uint32_t stable_bytes;    /* so much of the text no later partial version changes; the final
                                 one may. Of a final one: all */
    uint32_t side;            /* who speaks in a conversation: 0, or 1 across the table */
    float score;              /* mean log probability of the tokens, <= 0 */
    float no_speech;          /* 0..1, that nobody spoke */
    char language[PERCEPT_LANGUAGE_BYTES];
    char translation_language[PERCEPT_LANGUAGE_BYTES]; /* "": it was not translated (yet) */
    char text[PERCEPT_CAPTION_BYTES]; /* as percept_text_line's; longer speech is more captions */
    char translation[PERCEPT_CAPTION_BYTES];
};

struct percept_captions {
    int64_t capture_ns;     /* of the newest sound that was listened to */
    int64_t model_ns;       /* as in percept_hands */
    uint32_t speaking;      /* 1: somebody is */
    uint32_t caption_count; /* 0..PERCEPT_CAPTIONS_MAX, the newest last; the rest is zero */
    struct percept_caption captions[PERCEPT_CAPTIONS_MAX];
};

static_assert(sizeof(struct percept_caption) == 48 + 16 + 1024, "no padding");
static_assert(sizeof(struct percept_captions) == 24 + 8 * 1088, "no padding");

/* ---- depth: how far away what the camera sees is; a sensitive topic ---- */

#define PERCEPT_DEPTH_SCHEMA "percept.depth/1"
#define PERCEPT_DEPTH_MAPS   2

/* What is wrong with a map. Where a flag says that both eyes can't be matched, nothing of the map
 * is known; it is published all the same, so that a reader knows why. */
enum percept_depth_flags {
    PERCEPT_DEPTH_LEFT_COVERED = 1 << 0, /* the left eye shows nothing but one brightness */
    PERCEPT_DEPTH_RIGHT_COVERED = 1 << 1,
    PERCEPT_DEPTH_SWAPPED = 1 << 2,        /* left and right are the other way round */
    PERCEPT_DEPTH_MISALIGNED = 1 << 3,     /* what matches is on other rows: calibration is off */
    PERCEPT_DEPTH_UNSYNCHRONISED = 1 << 4, /* the eyes were captured at different times */
    PERCEPT_DEPTH_SIZES_DIFFER = 1 << 5,   /* the eyes' images have different sizes */
    PERCEPT_DEPTH_NO_TEXTURE = 1 << 6,     /* too little to match by: much of the map is a guess */
    PERCEPT_DEPTH_SAME_VIEW = 1 << 7,      /* both eyes show the same picture: no disparity */
    PERCEPT_DEPTH_UNMATCHED = 1 << 8,      /* the eyes show different things */
    PERCEPT_DEPTH_NO_METRES = 1 << 9,      /* not calibrated: depth is in baselines, not metres */
    PERCEPT_DEPTH_NOTHING_MEASURED = 1 << 10, /* by a camera that measures depth itself */
    PERCEPT_DEPTH_REALIGNED = 1 << 11,        /* vertical_px is corrected; the map is good */
};

/*
 * Depth is z: metres along the optical axis of the (rectified left) camera, not along the ray. The
 * point that pixel (x, y) shows, x right, y down, z away from the camera:
 *     X = (x - cx) / fx * z,  Y = (y - cy) / fy * z
 * with x, y of the pixel's centre (.5, 1.5, ...). maps[0] is "depth", [height, width]: uint16 in
 * millimetres or float32 in metres, 0 where it is not known. maps[1] is "confidence", [height,
 * width], uint8: 0 not known, 1 filled in from neighbours, up to 255 sure.
 */
struct percept_depth {
    int64_t capture_ns;     /* of the (left) image */
    int64_t model_ns;       /* as in percept_hands */
    uint64_t frame;         /* as in percept_hands */
    uint32_t width, height; /* of the maps, pixels */
    uint32_t flags;         /* enum percept_depth_flags; 0: nothing is known to be wrong */
    uint32_t pose_known;    /* 1 when position_m and orientation are of this capture time */
    float fx, fy, cx, cy;   /* pixels of the maps; no distortion is left */
    float baseline_m;       /* between the eyes; 0: one camera that measures depth itself */
    float near_m, far_m;    /* what can be told apart: depths beyond are not known */
    float vertical_px;      /* by which the eyes are apart vertically, pixels of the maps */
    float known;            /* share of the pixels whose depth is measured, 0..1 */
    float position_m[3];    /* of the camera in its world; zero when not known */
    float orientation[4];   /* x y z w, camera to world */
    uint32_t map_count;
    uint32_t reserved;
    struct percept_tensor maps[PERCEPT_DEPTH_MAPS];
    /* their data follow */
};

static_assert(sizeof(struct percept_depth) == 112 + 2 * sizeof(struct percept_tensor),
              "no padding");

/* ---- planes: the large flat things in a depth map; as sensitive as depth ---- */

#define PERCEPT_PLANES_SCHEMA "percept.planes/1"
#define PERCEPT_PLANES_MAX    8

/* In the camera's coordinates, metres: x right, y down, z away from the camera. */
struct percept_plane {
    float normal[3];   /* unit length, towards the camera */
    float distance_m;  /* of the camera: normal . point + distance_m = 0 for its points */
    float center[3];   /* middle of what is seen of it */
    float axes[2][3];  /* unit length, in the plane, at right angles, the longer extent first */
    float extent_m[2]; /* from end to end along the axes; of what is seen of it */
    float share;       /* of the measured pixels, 0..1 */
    float residual_m;  /* of its points from it, root mean square */
    uint32_t id;       /* stable while it is seen; from 1 */
    uint32_t reserved[2];
};

struct percept_planes {
    int64_t capture_ns; /* of the depth map */
    uint64_t frame;     /* as in percept_hands */
    uint32_t plane_count;
    uint32_t flags; /* enum percept_depth_flags, of the depth map */
    struct percept_plane planes[PERCEPT_PLANES_MAX]; /* largest first */
};

static_assert(sizeof(struct percept_plane) == 80, "no padding");
static_assert(sizeof(struct percept_planes) == 24 + 8 * 80, "no padding");

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
