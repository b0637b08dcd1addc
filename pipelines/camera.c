/*
 * Why: V4L2 is a conversation (what are you, can you do this, here are buffers, go), and every line
 * of it can fail because someone pulled the plug.
 */
#include "pipelines/camera.h"

#include "base/clock.h"
#include "pipelines/jpeg.h"
#include "pipelines/pixels.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>

#define BUFFERS   4
#define SILENT_NS (3 * BASE_NS_PER_S) /* after which a camera counts as gone */

struct buffer {
    void *memory;
    size_t size;
};

struct pipe_camera {
    const struct pipe_camera_io *io;
    int fd;
    char device[256];
    uint32_t width, height, stride;
    const struct format *format; /* a row of formats */
    struct buffer buffers[BUFFERS];
    uint32_t buffer_count;
    struct pipe_jpeg *jpeg;
    size_t max_pixels;
};

/* Formats in order of preference: MJPEG costs a decode, but over USB 2 nothing else is fast. */
static const struct format {
    enum pipe_camera_format choice;
    uint32_t code;
    uint32_t bytes_per_row; /* of a pixel in the first plane; 0: compressed */
} formats[] = {
    {PIPE_CAMERA_YUYV, V4L2_PIX_FMT_YUYV, 2},   {PIPE_CAMERA_NV12, V4L2_PIX_FMT_NV12, 1},
    {PIPE_CAMERA_MJPEG, V4L2_PIX_FMT_MJPEG, 0}, {PIPE_CAMERA_MJPEG, V4L2_PIX_FMT_JPEG, 0},
    {PIPE_CAMERA_DEPTH, V4L2_PIX_FMT_Z16, 2},   {PIPE_CAMERA_DEPTH, V4L2_PIX_FMT_Y16, 2},
};
#define FORMATS (sizeof formats / sizeof formats[0])

/* ---- the system's calls ---- */

static int system_open(const char *path)
{
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int system_control(int fd, unsigned long request, void *argument)
{
    int result;
    do
        result = ioctl(fd, request, argument);
    while (result < 0 && errno == EINTR);
    return result;
}

static void *system_map(int fd, size_t size, off_t offset)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static const struct pipe_camera_io system_io = {
    .open = system_open,
    .close = close,
    .control = system_control,
    .map = system_map,
    .unmap = munmap,
};

/* ---- opening ---- */

static enum percept_status fail(const struct pipe_camera *c, int code, const char *what,
                                struct percept_error *error)
{
    return percept_fail_errno(error, code, "camera %s: %s", c->device, what);
}

static enum percept_status check_is_camera(struct pipe_camera *c, struct percept_error *error)
{
    struct v4l2_capability capability = {0};
    if (c->io->control(c->fd, VIDIOC_QUERYCAP, &capability) != 0)
        return errno == ENOTTY || errno == EINVAL
                   ? percept_fail(error, PERCEPT_UNSUPPORTED, "%s is not a camera", c->device)
                   : fail(c, errno, "query", error);
    uint32_t can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps
                                                                  : capability.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
        return percept_fail(error, PERCEPT_UNSUPPORTED, "%s can't stream video frames", c->device);
    return PERCEPT_OK;
}

/* Does what the driver says about its frames hold together? */
static bool plausible(const struct pipe_camera *c, const struct format *format,
                      const struct v4l2_pix_format *pix)
{
    size_t pixels = (size_t)pix->width * pix->height;
    if (pix->width == 0 || pix->height == 0 || pix->width > PIPE_FRAME_MAX_SIDE ||
        pix->height > PIPE_FRAME_MAX_SIDE || pixels > c->max_pixels)
        return false;
    if (format->bytes_per_row == 0)
        return true;
    bool even = pix->width % 2 == 0 && pix->height % 2 == 0;
    return (even || format->choice == PIPE_CAMERA_DEPTH) &&
           pix->bytesperline >= pix->width * format->bytes_per_row &&
           pix->bytesperline <= 16 * PIPE_FRAME_MAX_SIDE;
}

/* May this one be given to who asked for that? */
static bool is_asked_for(const struct format *format, int asked)
{
    return asked == PIPE_CAMERA_AUTO ? format->choice != PIPE_CAMERA_DEPTH
                                     : asked == (int)format->choice;
}

static enum percept_status set_format(struct pipe_camera *c,
                                      const struct pipe_camera_options *options,
                                      struct percept_error *error)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (!is_asked_for(&formats[i], options->format))
            continue;
        struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        struct v4l2_pix_format *pix = &format.fmt.pix;
        pix->width = options->width;
        pix->height = options->height;
        pix->pixelformat = formats[i].code;
        pix->field = V4L2_FIELD_NONE;
        if (c->io->control(c->fd, VIDIOC_S_FMT, &format) != 0) {
            if (errno == EINVAL)
                continue;
            return fail(c, errno, "format", error);
        }
        /* A driver that can't do it answers with what it can. */
        if (pix->pixelformat != formats[i].code || !plausible(c, &formats[i], pix))
            continue;
        c->width = pix->width;
        c->height = pix->height;
        c->stride = pix->bytesperline;
        c->format = &formats[i];
        return PERCEPT_OK;
    }
    return percept_fail(
        error, PERCEPT_UNSUPPORTED,
        "camera %s gives none of %s as was asked for, of at most %zu pixels", c->device,
        options->format == PIPE_CAMERA_DEPTH ? "Z16 and Y16" : "YUYV, NV12 and MJPEG",
        c->max_pixels);
}

/* A wish: drivers without frame intervals say no, and give what they give. */
static void set_rate(struct pipe_camera *c, double rate)
{
    struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    parameters.parm.capture.timeperframe.numerator = 1000;
    parameters.parm.capture.timeperframe.denominator = (uint32_t)(rate * 1000);
    if (rate > 0)
        (void)c->io->control(c->fd, VIDIOC_S_PARM, &parameters);
}

static enum percept_status queue(struct pipe_camera *c, uint32_t index, struct percept_error *error)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
        .index = index,
    };
    return c->io->control(c->fd, VIDIOC_QBUF, &buffer) == 0 ? PERCEPT_OK
                                                            : fail(c, errno, "queue", error);
}

static enum percept_status map_buffers(struct pipe_camera *c, struct percept_error *error)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS,
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
    };
    if (c->io->control(c->fd, VIDIOC_REQBUFS, &request) != 0)
        return fail(c, errno, "buffers", error);
    uint32_t count = request.count < BUFFERS ? request.count : BUFFERS;
    if (count < 2)
        return percept_fail(error, PERCEPT_NO_MEMORY, "camera %s has no buffers", c->device);
    for (uint32_t i = 0; i < count; i++) {
        struct v4l2_buffer buffer = {
            .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
            .memory = V4L2_MEMORY_MMAP,
            .index = i,
        };
        if (c->io->control(c->fd, VIDIOC_QUERYBUF, &buffer) != 0)
            return fail(c, errno, "buffer", error);
        void *memory = c->io->map(c->fd, buffer.length, (off_t)buffer.m.offset);
        if (memory == MAP_FAILED)
            return fail(c, errno, "map", error);
        c->buffers[i] = (struct buffer){.memory = memory, .size = buffer.length};
        c->buffer_count = i + 1;
        enum percept_status status = queue(c, i, error);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

static enum percept_status start(struct pipe_camera *c, const struct pipe_camera_options *options,
                                 struct percept_error *error)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    enum percept_status status = check_is_camera(c, error);
    if (status == PERCEPT_OK)
        status = set_format(c, options, error);
    if (status != PERCEPT_OK)
        return status;
    set_rate(c, options->rate);
    status = map_buffers(c, error);
    if (status == PERCEPT_OK && c->io->control(c->fd, VIDIOC_STREAMON, &type) != 0)
        status = fail(c, errno, "start", error);
    return status;
}

enum percept_status pipe_camera_open(const struct pipe_camera_io *io,
                                     const struct pipe_camera_options *options,
                                     struct pipe_camera **camera, struct percept_error *error)
{
    struct pipe_camera *c = calloc(1, sizeof *c);
    if (!c)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    c->io = io ? io : &system_io;
    c->max_pixels = options->max_pixels;
    strncpy(c->device, options->device, sizeof c->device - 1);
    c->fd = c->io->open(options->device);
    enum percept_status status =
        c->fd < 0 ? fail(c, errno, "open", error) : pipe_jpeg_create(&c->jpeg, error);
    if (status == PERCEPT_OK)
        status = start(c, options, error);
    if (status != PERCEPT_OK) {
        pipe_camera_close(c);
        return status;
    }
    *camera = c;
    return PERCEPT_OK;
}

void pipe_camera_close(struct pipe_camera *c)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (!c)
        return;
    if (c->fd >= 0)
        (void)c->io->control(c->fd, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < c->buffer_count; i++)
        c->io->unmap(c->buffers[i].memory, c->buffers[i].size);
    if (c->fd >= 0)
        c->io->close(c->fd);
    pipe_jpeg_destroy(c->jpeg);
    free(c);
}

/* ---- streaming ---- */

static enum percept_status gone(const struct pipe_camera *c, const char *how,
                                struct percept_error *error)
{
    return percept_fail(error, PERCEPT_DISCONNECTED, "camera %s %s", c->device, how);
}

static enum percept_status wait_for_frame(struct pipe_camera *c, int stop_fd,
                                          struct percept_error *error)
{
    struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
    int ready;
    do
        ready = poll(fds, 2, SILENT_NS / BASE_NS_PER_MS);
    while (ready < 0 && errno == EINTR);
    if (fds[1].revents)
        return PERCEPT_CANCELLED;
    if (ready <= 0)
        return gone(c, "gives no frames", error);
    /* An unplugged device is also "readable"; taking the buffer then says so. */
    return PERCEPT_OK;
}

/* Both formats are little-endian. */
static enum percept_status take_depths(const struct pipe_camera *c, const uint8_t *bytes,
                                       struct pipe_frame *frame, struct percept_error *error)
{
    enum percept_status status = pipe_frame_add_depth(frame, c->width, c->height, error);
    for (uint32_t y = 0; y < c->height && status == PERCEPT_OK; y++) {
        const uint8_t *from = bytes + (size_t)y * c->stride;
        uint16_t *to = frame->raw->values + (size_t)y * c->width;
        for (uint32_t x = 0; x < c->width; x++)
            to[x] = (uint16_t)(from[2 * x] | from[2 * x + 1] << 8);
    }
    return status;
}

static enum percept_status convert(struct pipe_camera *c, const struct v4l2_buffer *buffer,
                                   struct pipe_frame *frame, struct percept_error *error)
{
    const struct buffer *b = &c->buffers[buffer->index];
    size_t used = buffer->bytesused < b->size ? buffer->bytesused : b->size;
    if (c->format->bytes_per_row == 0) {
        enum percept_status status =
            pipe_jpeg_decode(c->jpeg, b->memory, used, c->max_pixels, frame, error);
        return status == PERCEPT_LIMIT ? PERCEPT_MALFORMED : status;
    }
    bool nv12 = c->format->choice == PIPE_CAMERA_NV12;
    size_t rows = nv12 ? (size_t)c->height * 3 / 2 : c->height;
    /* The last row may end with its pixels. */
    size_t needed = (rows - 1) * c->stride + (size_t)c->width * c->format->bytes_per_row;
    if (used < needed)
        return percept_fail(error, PERCEPT_MALFORMED, "camera %s: a frame that is cut short",
                            c->device);
    if (c->format->choice == PIPE_CAMERA_DEPTH)
        return take_depths(c, b->memory, frame, error);
    enum percept_status status = pipe_frame_resize(frame, c->width, c->height, error);
    if (status == PERCEPT_OK)
        (nv12 ? pipe_pixels_from_nv12 : pipe_pixels_from_yuyv)(b->memory, c->stride, frame);
    return status;
}

static int64_t time_of(const struct v4l2_buffer *buffer)
{
    if ((buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
        return base_clock_ns();
    return (int64_t)buffer->timestamp.tv_sec * BASE_NS_PER_S +
           (int64_t)buffer->timestamp.tv_usec * BASE_NS_PER_US;
}

enum percept_status pipe_camera_next(struct pipe_camera *c, int stop_fd, struct pipe_frame *frame,
                                     int64_t *capture_ns, struct percept_error *error)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
    };
    enum percept_status status;
    for (;;) {
        status = wait_for_frame(c, stop_fd, error);
        if (status != PERCEPT_OK)
            return status;
        if (c->io->control(c->fd, VIDIOC_DQBUF, &buffer) == 0)
            break;
        if (errno != EAGAIN)
            return gone(c, "was unplugged", error);
    }
    if (buffer.index >= c->buffer_count)
        return gone(c, "gives buffers that do not exist", error);
    int64_t at = time_of(&buffer);
    if (buffer.flags & V4L2_BUF_FLAG_ERROR)
        status = percept_fail(error, PERCEPT_MALFORMED, "camera %s: a damaged frame", c->device);
    else
        status = convert(c, &buffer, frame, error);
    if (queue(c, buffer.index, NULL) != PERCEPT_OK)
        return gone(c, "was unplugged", error);
    if (status == PERCEPT_OK)
        *capture_ns = at;
    return status;
}
