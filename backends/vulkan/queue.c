/* Why: several pipelines share one device, and the one that is waited for most should not wait for
 * the others. The only place that talks to the device's queues. */
#include "backends/vulkan/queue.h"

#include "backends/vulkan/device.h"
#include "base/clock.h"

#include <string.h>

/* What a piece should take at most: a network of a few milliseconds is a few pieces, and each is
 * much longer than it takes to submit. */
#define PIECE_NS INT64_C(1000000)

/* ---- lanes ---- */

unsigned vk_lane_priorities(uint32_t queues, float priorities[VK_PRIORITIES])
{
    static const float of[VK_PRIORITIES][VK_PRIORITIES] = {{1}, {0.5f, 1}, {0, 0.5f, 1}};
    unsigned lanes = queues < VK_PRIORITIES ? queues : VK_PRIORITIES;
    memcpy(priorities, of[lanes - 1], sizeof of[0]);
    return lanes;
}

static unsigned level_of(enum prt_priority priority)
{
    return (unsigned)(priority - PRT_PRIORITY_LOW);
}

/* The highest priorities have lanes of their own, the others share the first. */
static struct vk_lane *lane_of(struct vk_device *device, enum prt_priority priority)
{
    unsigned shared = VK_PRIORITIES - device->lane_count, level = level_of(priority);
    return &device->lanes[level > shared ? level - shared : 0];
}

bool vk_lanes_create(struct vk_device *device)
{
    const struct vk_api *api = &device->api;
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    for (unsigned i = 0; i < device->lane_count; i++) {
        struct vk_lane *lane = &device->lanes[i];
        api->GetDeviceQueue(device->device, device->family, i, &lane->queue);
        if (api->CreateSemaphore(device->device, &info, NULL, &lane->timeline) != VK_SUCCESS)
            return false;
    }
    return true;
}

void vk_lanes_destroy(struct vk_device *device)
{
    for (unsigned i = 0; i < device->lane_count; i++)
        if (device->lanes[i].timeline)
            device->api.DestroySemaphore(device->device, device->lanes[i].timeline, NULL);
}

void vk_lane_join(struct vk_device *device, enum prt_priority priority)
{
    pthread_mutex_lock(&device->queue_lock);
    lane_of(device, priority)->users[level_of(priority)]++;
    pthread_mutex_unlock(&device->queue_lock);
}

void vk_lane_leave(struct vk_device *device, enum prt_priority priority)
{
    pthread_mutex_lock(&device->queue_lock);
    lane_of(device, priority)->users[level_of(priority)]--;
    pthread_mutex_unlock(&device->queue_lock);
}

/* ---- under the lock ---- */

static bool is_outranked(const struct vk_lane *lane, enum prt_priority priority)
{
    for (unsigned level = level_of(priority) + 1; level < VK_PRIORITIES; level++)
        if (lane->users[level] > 0)
            return true;
    return false;
}

static void submit_pieces(struct vk_device *device, struct vk_lane *lane, struct vk_work *work,
                          uint32_t count)
{
    uint64_t ticket = lane->last_ticket + 1;
    VkTimelineSemaphoreSubmitInfo timeline = {.sType =
                                                  VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                              .signalSemaphoreValueCount = 1,
                                              .pSignalSemaphoreValues = &ticket};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .pNext = &timeline,
                           .commandBufferCount = count,
                           .pCommandBuffers = work->pieces + work->submitted,
                           .signalSemaphoreCount = 1,
                           .pSignalSemaphores = &lane->timeline};
    work->result = atomic_load(&device->lost)
                       ? VK_ERROR_DEVICE_LOST
                       : device->api.QueueSubmit(lane->queue, 1, &submit, VK_NULL_HANDLE);
    if (work->result == VK_ERROR_DEVICE_LOST)
        atomic_store(&device->lost, true); /* nobody asks it for anything again */
    if (work->result != VK_SUCCESS)
        return;
    work->ticket = lane->last_ticket = ticket;
    work->submitted += count;
    work->submissions++;
}

/* Larger pieces if these are done in no time, smaller ones if others had to wait for long. */
static void adapt(struct vk_work *work, int64_t took_ns)
{
    if (took_ns > PIECE_NS)
        work->stride = (work->stride + 1) / 2;
    else if (took_ns < PIECE_NS / 4 && work->stride < work->piece_count)
        work->stride *= 2;
}

/* Strike out what the device has done. One that does not say has nothing that is worth waiting for:
 * the next submission, or wait, tells what is the matter. */
static void strike_out(struct vk_device *device, struct vk_lane *lane)
{
    uint64_t done = UINT64_MAX;
    unsigned count = 0;
    if (lane->sent_count == 0)
        return;
    if (device->api.GetSemaphoreCounterValue(device->device, lane->timeline, &done) != VK_SUCCESS)
        done = UINT64_MAX;
    while (count < lane->sent_count && lane->sent[count].ticket <= done)
        count++;
    if (count == 0)
        return;
    int64_t now_ns = base_clock_ns(), sent_ns = lane->sent[0].sent_ns;
    int64_t took_ns = now_ns - (sent_ns > lane->done_ns ? sent_ns : lane->done_ns);
    for (unsigned i = 0; i < count; i++)
        adapt(lane->sent[i].work, took_ns / count);
    lane->done_ns = now_ns;
    lane->sent_count -= count;
    memmove(lane->sent, lane->sent + count, lane->sent_count * sizeof lane->sent[0]);
}

/* Submit what waits, as far as the device has room. */
static void move_on(struct vk_device *device, struct vk_lane *lane)
{
    strike_out(device, lane);
    while (lane->waiting && lane->sent_count < VK_AHEAD) {
        struct vk_work *work = lane->waiting;
        uint32_t left = work->piece_count - work->submitted;
        submit_pieces(device, lane, work, work->stride < left ? work->stride : left);
        if (work->result == VK_SUCCESS)
            lane->sent[lane->sent_count++] = (struct vk_sent){work, work->ticket, base_clock_ns()};
        if (work->result != VK_SUCCESS || work->submitted == work->piece_count)
            lane->waiting = work->next;
    }
}

static void enqueue(struct vk_lane *lane, struct vk_work *work)
{
    struct vk_work **place = &lane->waiting;
    while (*place && (*place)->priority >= work->priority)
        place = &(*place)->next;
    work->next = *place;
    *place = work;
}

/* Nothing in the lane knows the work any more. */
static void forget(struct vk_lane *lane, const struct vk_work *work)
{
    struct vk_work **place = &lane->waiting;
    while (*place && *place != work)
        place = &(*place)->next;
    if (*place)
        *place = work->next;
    unsigned kept = 0;
    for (unsigned i = 0; i < lane->sent_count; i++)
        if (lane->sent[i].work != work)
            lane->sent[kept++] = lane->sent[i];
    lane->sent_count = kept;
}

/* ---- submitting and waiting ---- */

bool vk_gives_way(struct vk_device *device, enum prt_priority priority)
{
    pthread_mutex_lock(&device->queue_lock);
    bool gives_way = is_outranked(lane_of(device, priority), priority);
    pthread_mutex_unlock(&device->queue_lock);
    return gives_way;
}

enum percept_status vk_submit(struct vk_device *device, struct vk_work *work,
                              struct percept_error *error)
{
    struct vk_lane *lane = lane_of(device, work->priority);
    work->submitted = work->submissions = 0;
    work->stride = work->stride ? work->stride : 1;
    work->result = VK_SUCCESS;
    pthread_mutex_lock(&device->queue_lock);
    /* Those who were there before it still come first. */
    if (is_outranked(lane, work->priority) ||
        (lane->waiting && lane->waiting->priority >= work->priority)) {
        enqueue(lane, work);
        move_on(device, lane);
    } else {
        submit_pieces(device, lane, work, work->piece_count);
    }
    bool failed = work->result != VK_SUCCESS;
    pthread_mutex_unlock(&device->queue_lock);
    /* A piece of it may be on the device already. */
    return failed ? vk_wait(device, work, error) : PERCEPT_OK;
}

/* A GPU that hangs is reset by its driver: then the wait ends, and the device is lost. To give up
 * earlier would leave it writing into memory that others use. */
static VkResult wait_for(struct vk_device *device, const struct vk_lane *lane, uint64_t ticket)
{
    VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                .semaphoreCount = 1,
                                .pSemaphores = &lane->timeline,
                                .pValues = &ticket};
    return device->api.WaitSemaphores(device->device, &wait, UINT64_MAX);
}

/* Under the lock, which it leaves meanwhile: until all of the work is on the device. */
static VkResult see_it_submitted(struct vk_device *device, struct vk_lane *lane,
                                 const struct vk_work *work)
{
    VkResult result = VK_SUCCESS;
    while (result == VK_SUCCESS && work->submitted < work->piece_count) {
        move_on(device, lane);
        if (work->result != VK_SUCCESS)
            return work->result;
        if (work->submitted == work->piece_count)
            break;
        uint64_t oldest = lane->sent[0].ticket; /* there is one: else there would be room */
        pthread_mutex_unlock(&device->queue_lock);
        result = wait_for(device, lane, oldest);
        pthread_mutex_lock(&device->queue_lock);
    }
    return result;
}

enum percept_status vk_wait(struct vk_device *device, struct vk_work *work,
                            struct percept_error *error)
{
    struct vk_lane *lane = lane_of(device, work->priority);
    pthread_mutex_lock(&device->queue_lock);
    VkResult result = see_it_submitted(device, lane, work);
    const char *call = work->result == VK_SUCCESS ? "vkWaitSemaphores" : "vkQueueSubmit";
    uint64_t ticket = work->submitted ? work->ticket : 0;
    pthread_mutex_unlock(&device->queue_lock);
    VkResult done = wait_for(device, lane, ticket);
    pthread_mutex_lock(&device->queue_lock);
    if (done != VK_SUCCESS) /* whatever it is, nothing may write into the work's memory after it */
        device->api.DeviceWaitIdle(device->device);
    strike_out(device, lane);
    forget(lane, work);
    move_on(device, lane);
    pthread_mutex_unlock(&device->queue_lock);
    result = result == VK_SUCCESS ? done : result;
    return result == VK_SUCCESS ? PERCEPT_OK : vk_fail(device, result, call, error);
}
