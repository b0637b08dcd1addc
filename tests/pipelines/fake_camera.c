#include "fake_camera.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>

#define BUFFERS     4
#define BUFFER_SIZE (1 << 20)

enum state { MINE, QUEUED, FILLED }; /* a buffer's: the program's, free to the driver, full */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all */

static struct camera {
    struct fake_camera_options options;
    bool plugged, streaming;
    int read_fd, write_fd; /* a byte a full buffer, so that poll works; closed to unplug */
    int open_fds;
    struct {
        enum state state;
        unsigned char *memory;
        struct v4l2_buffer info;
    } buffers[BUFFERS];
    unsigned buffer_count;
    unsigned order[BUFFERS], filled; /* full buffers, oldest first */
} cameras[FAKE_CAMERAS] = {{.read_fd = -1, .write_fd = -1}, {.read_fd = -1, .write_fd = -1}};

static int mappings;

static struct camera *camera_of(int fd)
{
    for (unsigned i = 0; i < FAKE_CAMERAS; i++)
        if (cameras[i].read_fd == fd)
            return &cameras[i];
    return NULL;
}

static int fail(int code)
{
    errno = code;
    return -1;
}

static int fake_open(const char *path)
{
    int fds[2], result = -1;
    struct camera *camera = &cameras[strcmp(path, FAKE_CAMERA_SECOND) == 0];
    pthread_mutex_lock(&mutex);
    if (!camera->plugged) {
        errno = ENOENT;
    } else if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0) {
        result = camera->read_fd = fds[0];
        camera->write_fd = fds[1];
        camera->open_fds++;
        camera->streaming = false;
        camera->buffer_count = camera->filled = 0;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static int fake_close(int fd)
{
    pthread_mutex_lock(&mutex);
    struct camera *camera = camera_of(fd);
    camera->open_fds--;
    camera->streaming = false;
    if (camera->write_fd >= 0)
        close(camera->write_fd);
    camera->write_fd = camera->read_fd = -1;
    pthread_mutex_unlock(&mutex);
    return close(fd);
}

static int query(struct camera *camera, struct v4l2_capability *capability)
{
    capability->capabilities = V4L2_CAP_DEVICE_CAPS;
    capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    return camera->options.not_a_camera ? fail(ENOTTY) : 0;
}

/* Whatever is asked for, the answer is what it has. */
static int set_format(struct camera *camera, struct v4l2_format *format)
{
    struct v4l2_pix_format *pix = &format->fmt.pix;
    uint32_t bytes = camera->options.pixel_format == V4L2_PIX_FMT_NV12 ? 1 : 2;
    pix->pixelformat = camera->options.pixel_format;
    pix->width = camera->options.width;
    pix->height = camera->options.height;
    pix->bytesperline = camera->options.stride ? camera->options.stride : pix->width * bytes;
    return 0;
}

static int queue(struct camera *camera, const struct v4l2_buffer *buffer)
{
    if (buffer->index >= camera->buffer_count)
        return fail(EINVAL);
    camera->buffers[buffer->index].state = QUEUED;
    return 0;
}

static int dequeue(struct camera *camera, struct v4l2_buffer *buffer)
{
    char byte;
    if (!camera->streaming)
        return fail(EINVAL);
    if (camera->filled == 0 || read(camera->read_fd, &byte, 1) != 1)
        return fail(EAGAIN);
    unsigned index = camera->order[0];
    memmove(camera->order, camera->order + 1, --camera->filled * sizeof camera->order[0]);
    camera->buffers[index].state = MINE;
    *buffer = camera->buffers[index].info;
    return 0;
}

static int request_buffers(struct camera *camera, struct v4l2_requestbuffers *request)
{
    camera->buffer_count = request->count = request->count < BUFFERS ? request->count : BUFFERS;
    return 0;
}

static int query_buffer(struct camera *camera, struct v4l2_buffer *buffer)
{
    if (buffer->index >= camera->buffer_count)
        return fail(EINVAL);
    buffer->length = BUFFER_SIZE;
    buffer->m.offset = buffer->index * BUFFER_SIZE;
    return 0;
}

static int fake_control(int fd, unsigned long what, void *argument)
{
    int result = 0;
    pthread_mutex_lock(&mutex);
    struct camera *camera = camera_of(fd);
    if (!camera->plugged)
        result = fail(ENODEV);
    else if (what == VIDIOC_QUERYCAP)
        result = query(camera, argument);
    else if (what == VIDIOC_S_FMT)
        result = set_format(camera, argument);
    else if (what == VIDIOC_REQBUFS)
        result = request_buffers(camera, argument);
    else if (what == VIDIOC_QUERYBUF)
        result = query_buffer(camera, argument);
    else if (what == VIDIOC_QBUF)
        result = queue(camera, argument);
    else if (what == VIDIOC_DQBUF)
        result = dequeue(camera, argument);
    else if (what == VIDIOC_STREAMON)
        camera->streaming = true;
    else if (what == VIDIOC_STREAMOFF)
        camera->streaming = false;
    else
        result = fail(ENOTTY); /* S_PARM, as drivers without frame intervals do */
    int code = errno;
    pthread_mutex_unlock(&mutex);
    errno = code;
    return result;
}

static void *fake_map(int fd, size_t size, off_t offset)
{
    pthread_mutex_lock(&mutex);
    size_t index = (size_t)offset / BUFFER_SIZE;
    void *memory = camera_of(fd)->buffers[index].memory = malloc(size);
    mappings++;
    pthread_mutex_unlock(&mutex);
    return memory;
}

static int fake_unmap(void *memory, size_t size)
{
    (void)size;
    pthread_mutex_lock(&mutex);
    mappings--;
    pthread_mutex_unlock(&mutex);
    free(memory);
    return 0;
}

const struct pipe_camera_io fake_camera_io = {
    .open = fake_open,
    .close = fake_close,
    .control = fake_control,
    .map = fake_map,
    .unmap = fake_unmap,
};

/* ---- the test's side ---- */

void fake_camera_plug_nth(unsigned nth, const struct fake_camera_options *options)
{
    struct camera *camera = &cameras[nth];
    pthread_mutex_lock(&mutex);
    camera->options = *options;
    camera->plugged = true;
    pthread_mutex_unlock(&mutex);
}

void fake_camera_unplug_nth(unsigned nth)
{
    struct camera *camera = &cameras[nth];
    pthread_mutex_lock(&mutex);
    camera->plugged = false;
    camera->streaming = false;
    if (camera->write_fd >= 0)
        close(camera->write_fd); /* poll sees a hang-up */
    camera->write_fd = -1;
    pthread_mutex_unlock(&mutex);
}

static int free_buffer(const struct camera *camera)
{
    for (unsigned i = 0; camera->streaming && i < camera->buffer_count; i++)
        if (camera->buffers[i].state == QUEUED)
            return (int)i;
    return -1;
}

bool fake_camera_ready_nth(unsigned nth)
{
    const struct camera *camera = &cameras[nth];
    for (int i = 0; i < 50000; i++) {
        pthread_mutex_lock(&mutex);
        bool ready = free_buffer(camera) >= 0 && camera->filled == 0;
        pthread_mutex_unlock(&mutex);
        if (ready)
            return true;
        usleep(1000);
    }
    return false;
}

bool fake_camera_capture_nth(unsigned nth, const void *bytes, size_t size, int64_t capture_ns,
                             bool damaged)
{
    struct camera *camera = &cameras[nth];
    pthread_mutex_lock(&mutex);
    int index = free_buffer(camera);
    if (index >= 0) {
        memcpy(camera->buffers[index].memory, bytes, size);
        camera->buffers[index].state = FILLED;
        camera->buffers[index].info = (struct v4l2_buffer){
            .index = (uint32_t)index,
            .bytesused = (uint32_t)size,
            .flags = (camera->options.no_timestamps ? V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN
                                                    : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) |
                     (damaged ? V4L2_BUF_FLAG_ERROR : 0),
            .timestamp = {.tv_sec = capture_ns / 1000000000,
                          .tv_usec = capture_ns % 1000000000 / 1000},
        };
        camera->order[camera->filled++] = (unsigned)index;
        if (write(camera->write_fd, "x", 1) != 1)
            index = -1;
    }
    pthread_mutex_unlock(&mutex);
    return index >= 0;
}

int fake_camera_leaks(void)
{
    pthread_mutex_lock(&mutex);
    int leaks = cameras[0].open_fds + cameras[1].open_fds + mappings;
    pthread_mutex_unlock(&mutex);
    return leaks;
}

/* ---- the first alone ---- */

void fake_camera_plug(const struct fake_camera_options *options)
{
    fake_camera_plug_nth(0, options);
}

void fake_camera_unplug(void)
{
    fake_camera_unplug_nth(0);
}

bool fake_camera_ready(void)
{
    return fake_camera_ready_nth(0);
}

bool fake_camera_capture(const void *bytes, size_t size, int64_t capture_ns, bool damaged)
{
    return fake_camera_capture_nth(0, bytes, size, capture_ns, damaged);
}
