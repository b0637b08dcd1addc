/* Why: one list of the kinds of sources. */
#include "pipelines/source.h"

/* A row each, in the order in which they are listed to people. */
#define CLASSES(X)   \
    X(images)        \
    X(video)         \
    X(camera)        \
    X(stereo_files)  \
    X(stereo_camera) \
    X(depth_files)   \
    X(depth_camera)  \
    X(audio_files)   \
    X(audio_stream)  \
    X(microphone)

#define DECLARE(name) extern const struct pipe_source_class pipe_source_##name;
CLASSES(DECLARE)

#define POINT(name) &pipe_source_##name,
const struct pipe_source_class *const pipe_source_classes[] = {CLASSES(POINT) NULL};
