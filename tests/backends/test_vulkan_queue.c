/*
 * Who comes to the device when. The device is made here: it does what it was given when somebody
 * waits for it, and its clock goes on by itself, so nothing depends on how fast this machine is.
 */
#include "backends/vulkan/device.h"
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- the device ---- */

static struct vk_device device;
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[256]; /* a letter a piece, a space before a submission */
static uint64_t given[VK_PRIORITIES], done[VK_PRIORITIES]; /* tickets, by queue */
static unsigned submissions, lost_from;                    /* 0: never */
static VkResult wait_answer;
static unsigned idle_waits, timelines;
static int64_t now_ns, piece_ns;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    pthread_mutex_lock(&fake_lock);
    *time = (struct timespec){.tv_sec = now_ns / BASE_NS_PER_S, .tv_nsec = now_ns % BASE_NS_PER_S};
    pthread_mutex_unlock(&fake_lock);
    return 0;
}

/* Queues and their timelines are numbers from 1 on. */
static unsigned index_of(const void *handle)
{
    return (unsigned)(uintptr_t)handle - 1;
}

static VKAPI_ATTR void VKAPI_CALL get_queue(VkDevice of, uint32_t family, uint32_t index,
                                            VkQueue *queue)
{
    (void)of, (void)family;
    *queue = (VkQueue)(uintptr_t)(index + 1);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_semaphore(VkDevice of,
                                                       const VkSemaphoreCreateInfo *info,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkSemaphore *semaphore)
{
    (void)of, (void)info, (void)allocator;
    *semaphore = (VkSemaphore)(uintptr_t)++timelines;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_semaphore(VkDevice of, VkSemaphore semaphore,
                                                    const VkAllocationCallbacks *allocator)
{
    (void)of, (void)semaphore, (void)allocator;
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count,
                                             const VkSubmitInfo *info, VkFence fence)
{
    (void)fence;
    const VkTimelineSemaphoreSubmitInfo *timeline = info->pNext;
    unsigned lane = index_of(queue);
    pthread_mutex_lock(&fake_lock);
    submissions++;
    bool lost = lost_from && submissions >= lost_from;
    size_t used = strlen(log_text);
    if (!lost && used + info->commandBufferCount + 2 < sizeof log_text) {
        log_text[used++] = ' ';
        for (uint32_t i = 0; i < info->commandBufferCount; i++)
            log_text[used++] = (char)(uintptr_t)info->pCommandBuffers[i];
        log_text[used] = '\0';
    }
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(index_of(info->pSignalSemaphores[0]), lane);
    if (!lost) {
        ck_assert_uint_gt(timeline->pSignalSemaphoreValues[0], given[lane]);
        given[lane] = timeline->pSignalSemaphoreValues[0];
    }
    pthread_mutex_unlock(&fake_lock);
    return lost ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL counter(VkDevice of, VkSemaphore timeline, uint64_t *value)
{
    (void)of;
    pthread_mutex_lock(&fake_lock);
    *value = done[index_of(timeline)];
    pthread_mutex_unlock(&fake_lock);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_for(VkDevice of, const VkSemaphoreWaitInfo *info,
                                               uint64_t timeout)
{
    (void)of, (void)timeout;
    unsigned lane = index_of(info->pSemaphores[0]);
    pthread_mutex_lock(&fake_lock);
    ck_assert_uint_le(info->pValues[0], given[lane]); /* or it would wait for ever */
    for (; wait_answer == VK_SUCCESS && done[lane] < info->pValues[0]; done[lane]++)
        now_ns += piece_ns;
    VkResult answer = wait_answer;
    pthread_mutex_unlock(&fake_lock);
    return answer;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_idle(VkDevice of)
{
    (void)of;
    idle_waits++;
    return VK_SUCCESS;
}

static void set_up(unsigned lanes)
{
    static char name[] = "a device";
    device = (struct vk_device){
        .api = {.GetDeviceQueue = get_queue,
                .CreateSemaphore = create_semaphore,
                .DestroySemaphore = destroy_semaphore,
                .QueueSubmit = submit,
                .GetSemaphoreCounterValue = counter,
                .WaitSemaphores = wait_for,
                .DeviceWaitIdle = wait_idle},
        .name = name,
        .lane_count = lanes,
    };
    pthread_mutex_init(&device.queue_lock, NULL);
    timelines = 0;
    piece_ns = 500000; /* neither long nor short */
    ck_assert(vk_lanes_create(&device));
}

static void setup(void)
{
    set_up(1);
}

static void teardown(void)
{
    for (unsigned i = 0; i < device.lane_count; i++) {
        ck_assert_ptr_null(device.lanes[i].waiting);
        ck_assert_uint_eq(device.lanes[i].sent_count, 0);
    }
    vk_lanes_destroy(&device);
    pthread_mutex_destroy(&device.queue_lock);
}

/* ---- work ---- */

struct job {
    VkCommandBuffer pieces[16];
    struct vk_work work;
};

/* A letter for each piece. */
static void make(struct job *job, enum prt_priority priority, const char *letters)
{
    *job = (struct job){.work = {.priority = priority, .pieces = job->pieces}};
    for (; letters[job->work.piece_count]; job->work.piece_count++)
        job->pieces[job->work.piece_count] =
            (VkCommandBuffer)(uintptr_t)letters[job->work.piece_count];
}

static void start(struct job *job, enum prt_priority priority, const char *letters)
{
    make(job, priority, letters);
    ck_assert_int_eq(vk_submit(&device, &job->work, NULL), PERCEPT_OK);
}

static void end(struct job *job)
{
    ck_assert_int_eq(vk_wait(&device, &job->work, NULL), PERCEPT_OK);
    ck_assert_uint_eq(job->work.submitted, job->work.piece_count);
}

START_TEST(alone_all_goes_at_once)
{
    for (int priority = PRT_PRIORITY_LOW; priority <= PRT_PRIORITY_HIGH; priority++) {
        struct job first, second;
        vk_lane_join(&device, (enum prt_priority)priority);
        ck_assert(!vk_gives_way(&device, (enum prt_priority)priority));
        start(&first, (enum prt_priority)priority, "abcdef");
        start(&second, (enum prt_priority)priority, "ghi");
        ck_assert_str_eq(log_text, " abcdef ghi");
        ck_assert_uint_eq(first.work.submissions, 1);
        end(&second);
        end(&first);
        vk_lane_leave(&device, (enum prt_priority)priority);
        log_text[0] = '\0';
    }
}
END_TEST

START_TEST(high_comes_between_the_pieces_of_low)
{
    struct job low, high;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    ck_assert(vk_gives_way(&device, PRT_PRIORITY_LOW));
    ck_assert(!vk_gives_way(&device, PRT_PRIORITY_HIGH));
    start(&low, PRT_PRIORITY_LOW, "abcdef");
    ck_assert_str_eq(log_text, " a b");
    start(&high, PRT_PRIORITY_HIGH, "XYZ");
    ck_assert_str_eq(log_text, " a b XYZ");
    end(&high);
    ck_assert_str_eq(log_text, " a b XYZ c d"); /* room was made */
    end(&low);
    ck_assert_str_eq(log_text, " a b XYZ c d e f");
    ck_assert_uint_eq(low.work.submissions, 6);
}
END_TEST

START_TEST(normal_comes_between_the_pieces_of_low)
{
    struct job low, normal;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    start(&low, PRT_PRIORITY_LOW, "abcdef");
    start(&normal, PRT_PRIORITY_NORMAL, "NM");
    ck_assert_str_eq(log_text,
                     " a b"); /* it gives way to what is high, too, and there is no room */
    end(&low);
    ck_assert_str_eq(log_text, " a b N M c d e f");
    end(&normal);
}
END_TEST

START_TEST(equals_come_as_they_came)
{
    struct job first, second, third;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    start(&first, PRT_PRIORITY_NORMAL, "abcd");
    start(&second, PRT_PRIORITY_NORMAL, "efg");
    start(&third, PRT_PRIORITY_NORMAL, "h");
    end(&third);
    ck_assert_str_eq(log_text, " a b c d e f g h");
    end(&first);
    end(&second);
}
END_TEST

START_TEST(who_comes_when_nobody_is_higher_any_more_does_not_overtake)
{
    struct job first, second;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    start(&first, PRT_PRIORITY_LOW, "abcd");
    vk_lane_leave(&device, PRT_PRIORITY_HIGH);
    start(&second, PRT_PRIORITY_LOW, "ef");
    ck_assert_str_eq(log_text, " a b");
    end(&second);
    ck_assert_str_eq(log_text, " a b c d e f");
    end(&first);
    start(&first, PRT_PRIORITY_LOW, "gh");
    ck_assert_str_eq(log_text, " a b c d e f gh");
    end(&first);
}
END_TEST

/* ---- queues ---- */

START_TEST(priorities_have_queues_of_their_own_where_there_are_some)
{
    float priorities[VK_PRIORITIES];
    ck_assert_uint_eq(vk_lane_priorities(1, priorities), 1);
    ck_assert_uint_eq(vk_lane_priorities(2, priorities), 2);
    ck_assert(priorities[0] < priorities[1]);
    ck_assert_uint_eq(vk_lane_priorities(16, priorities), 3);
    ck_assert(priorities[0] < priorities[1] && priorities[1] < priorities[2]);
    for (unsigned lanes = 2; lanes <= 3; lanes++) {
        struct job low, normal, high;
        memset(given, 0, sizeof given);
        memset(done, 0, sizeof done);
        log_text[0] = '\0';
        set_up(lanes);
        vk_lane_join(&device, PRT_PRIORITY_NORMAL);
        vk_lane_join(&device, PRT_PRIORITY_HIGH);
        ck_assert(vk_gives_way(&device, PRT_PRIORITY_LOW) == (lanes == 2));
        ck_assert(!vk_gives_way(&device, PRT_PRIORITY_NORMAL));
        start(&low, PRT_PRIORITY_LOW, "abcd");
        start(&normal, PRT_PRIORITY_NORMAL, "NM");
        start(&high, PRT_PRIORITY_HIGH, "XY");
        ck_assert_str_eq(log_text, lanes == 2 ? " a b NM XY" : " abcd NM XY");
        ck_assert_uint_eq(given[lanes - 1], 1); /* of high alone */
        end(&high);
        end(&normal);
        end(&low);
    }
}
END_TEST

/* ---- how large a piece is ---- */

START_TEST(short_pieces_go_together)
{
    struct job low;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    piece_ns = 100000;
    start(&low, PRT_PRIORITY_LOW, "abcdefghijkl");
    end(&low);
    ck_assert_str_eq(log_text, " a b cd efgh ijkl");
    log_text[0] = '\0'; /* and the next run begins with what the last one has learned */
    ck_assert_int_eq(vk_submit(&device, &low.work, NULL), PERCEPT_OK);
    end(&low);
    ck_assert_uint_le(low.work.submissions, 2);
}
END_TEST

START_TEST(long_pieces_are_made_shorter)
{
    struct job low;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    piece_ns = 2000000;
    make(&low, PRT_PRIORITY_LOW, "abcdefghijkl");
    low.work.stride = 4;
    ck_assert_int_eq(vk_submit(&device, &low.work, NULL), PERCEPT_OK);
    end(&low);
    ck_assert_str_eq(log_text, " abcd efgh ij k l");
}
END_TEST

/* ---- faults ---- */

START_TEST(a_device_that_is_lost_leaves_nobody_waiting)
{
    struct percept_error error = {0};
    struct job first, second, third;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    lost_from = 4;
    start(&first, PRT_PRIORITY_LOW, "abcdef");
    start(&second, PRT_PRIORITY_LOW, "ghi");
    start(&third, PRT_PRIORITY_NORMAL, "j");
    ck_assert_int_eq(vk_wait(&device, &first.work, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "vulkan: a device: the device was lost (vkQueueSubmit)");
    ck_assert(atomic_load(&device.lost));
    ck_assert_int_eq(vk_wait(&device, &second.work, &error), PERCEPT_DISCONNECTED);
    ck_assert_int_eq(vk_wait(&device, &third.work, NULL), PERCEPT_OK); /* it was done before */
    make(&first, PRT_PRIORITY_HIGH, "k");
    ck_assert_int_eq(vk_submit(&device, &first.work, &error), PERCEPT_DISCONNECTED);
    make(&second, PRT_PRIORITY_LOW, "l");
    ck_assert_int_eq(vk_submit(&device, &second.work, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(log_text, " a b j");
}
END_TEST

START_TEST(a_device_that_is_lost_at_once_has_nothing_to_wait_for)
{
    struct percept_error error = {0};
    struct job low;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    lost_from = (unsigned)_i + 1;
    make(&low, PRT_PRIORITY_LOW, "abc");
    ck_assert_int_eq(vk_submit(&device, &low.work, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "vulkan: a device: the device was lost (vkQueueSubmit)");
    ck_assert_str_eq(log_text, _i ? " a" : "");
    ck_assert_uint_eq(done[0], given[0]); /* what had been submitted is done */
    ck_assert_uint_eq(device.lanes[0].sent_count, 0);
}
END_TEST

START_TEST(a_wait_that_fails_leaves_nothing_on_the_device)
{
    struct percept_error error = {0};
    struct job first, second;
    vk_lane_join(&device, PRT_PRIORITY_HIGH);
    start(&first, PRT_PRIORITY_LOW, "abcd");
    start(&second, PRT_PRIORITY_LOW, "ef");
    wait_answer = VK_ERROR_OUT_OF_HOST_MEMORY;
    ck_assert_int_eq(vk_wait(&device, &first.work, &error), PERCEPT_NO_MEMORY);
    ck_assert_str_eq(error.message,
                     "vulkan: a device: the driver is out of memory (vkWaitSemaphores)");
    ck_assert_uint_eq(idle_waits, 1);
    ck_assert(!atomic_load(&device.lost));
    wait_answer = VK_SUCCESS;
    end(&second);
    ck_assert_str_eq(log_text, " a b e f"); /* nobody wants the rest any more */
}
END_TEST

/* ---- threads ---- */

struct runner {
    pthread_t thread;
    enum prt_priority priority;
    unsigned ended, failed;
};

enum { RUNS = 200 };

static void *run_often(void *argument)
{
    struct runner *runner = argument;
    struct job job;
    make(&job, runner->priority, "abcde");
    for (int i = 0; i < RUNS; i++) {
        vk_lane_join(&device, runner->priority);
        enum percept_status status = vk_submit(&device, &job.work, NULL);
        if (status == PERCEPT_OK)
            status = vk_wait(&device, &job.work, NULL);
        if (status == PERCEPT_OK)
            runner->ended += job.work.submitted == job.work.piece_count;
        else
            runner->failed++;
        vk_lane_leave(&device, runner->priority);
    }
    return NULL;
}

START_TEST(threads_share_the_device)
{
    struct runner runners[6] = {0};
    lost_from = _i ? 1000 : 0;
    for (int i = 0; i < 6; i++) {
        runners[i].priority = (enum prt_priority)(i % VK_PRIORITIES + PRT_PRIORITY_LOW);
        ck_assert_int_eq(pthread_create(&runners[i].thread, NULL, run_often, &runners[i]), 0);
    }
    unsigned failed = 0;
    for (int i = 0; i < 6; i++) {
        pthread_join(runners[i].thread, NULL);
        ck_assert_uint_eq(runners[i].ended + runners[i].failed, RUNS);
        failed += runners[i].failed;
    }
    ck_assert((failed > 0) == (lost_from > 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vulkan queue");
    TCase *tests = tcase_create("queue");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, alone_all_goes_at_once);
    tcase_add_test(tests, high_comes_between_the_pieces_of_low);
    tcase_add_test(tests, normal_comes_between_the_pieces_of_low);
    tcase_add_test(tests, equals_come_as_they_came);
    tcase_add_test(tests, who_comes_when_nobody_is_higher_any_more_does_not_overtake);
    tcase_add_test(tests, priorities_have_queues_of_their_own_where_there_are_some);
    tcase_add_test(tests, short_pieces_go_together);
    tcase_add_test(tests, long_pieces_are_made_shorter);
    tcase_add_test(tests, a_device_that_is_lost_leaves_nobody_waiting);
    tcase_add_loop_test(tests, a_device_that_is_lost_at_once_has_nothing_to_wait_for, 0, 2);
    tcase_add_test(tests, a_wait_that_fails_leaves_nothing_on_the_device);
    tcase_add_loop_test(tests, threads_share_the_device, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
