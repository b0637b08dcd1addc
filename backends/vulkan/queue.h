/*
 * How work gets to the device, by priority. Private to the Vulkan backend.
 *
 * A lane is a queue of the device. Each priority has a lane of its own if the device has as many
 * queues; then the device keeps them apart. Where several share a lane, work gives way as long as
 * there are segments of a higher priority in that lane, whether they run now or not: it is
 * submitted a piece at a time, the highest first and each priority as it came, and so that only
 * VK_AHEAD pieces are on the device. Work of the highest priority that a lane has is submitted at
 * once and whole, so it waits for those few pieces at most.
 *
 * What gives way moves on when somebody waits for it, or for anything else in its lane: nothing
 * else would notice that the device has room.
 */
#ifndef BACKENDS_VULKAN_QUEUE_H
#define BACKENDS_VULKAN_QUEUE_H

#include "backends/vulkan/api.h"
#include "base/status.h"
#include "runtime/backend.h"

#include <stdbool.h>
#include <stdint.h>

struct vk_device;

enum { VK_PRIORITIES = 3, VK_AHEAD = 2 };

/* Commands, and how far they have come. Stays where it is from vk_submit to vk_wait. */
struct vk_work {
    enum prt_priority priority;
    const VkCommandBuffer *pieces; /* run in order */
    uint32_t piece_count;

    /* Of the queue: under its lock, zero at first. */
    uint32_t stride; /* pieces to submit at once when it gives way: some of the last run's time */
    uint32_t submitted; /* pieces */
    uint32_t submissions;
    uint64_t ticket; /* that the last of them signals */
    VkResult result;
    struct vk_work *next; /* that waits in its lane */
};

/* One submission of work that gives way. */
struct vk_sent {
    struct vk_work *work;
    uint64_t ticket;
    int64_t sent_ns;
};

/* Under the device's queue_lock. */
struct vk_lane {
    VkQueue queue;
    VkSemaphore timeline;
    uint64_t last_ticket;
    unsigned users[VK_PRIORITIES]; /* segments, by priority from the lowest */
    struct vk_work *waiting;       /* the next first */
    struct vk_sent sent[VK_AHEAD]; /* not known to be done; the oldest first */
    unsigned sent_count;
    int64_t done_ns; /* when the one before them was */
};

/* How many lanes a family of that many queues makes, and the priorities of their queues. */
unsigned vk_lane_priorities(uint32_t queues, float priorities[VK_PRIORITIES]);

/* Of device->lane_count lanes. False when the driver has no memory; destroy all the same. */
bool vk_lanes_create(struct vk_device *device);
void vk_lanes_destroy(struct vk_device *device);

/* A segment of that priority comes or goes. */
void vk_lane_join(struct vk_device *device, enum prt_priority priority);
void vk_lane_leave(struct vk_device *device, enum prt_priority priority);
/* Would work of that priority give way now? Then it should have more than one piece. */
bool vk_gives_way(struct vk_device *device, enum prt_priority priority);

/* The caller has filled priority and pieces. After OK, vk_wait must be called; else nothing of the
 * work is on the device. */
enum percept_status vk_submit(struct vk_device *device, struct vk_work *work,
                              struct percept_error *error);
/* Returns when all of the work is done, or none of it is on the device any more. */
enum percept_status vk_wait(struct vk_device *device, struct vk_work *work,
                            struct percept_error *error);

#endif
