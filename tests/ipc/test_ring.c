/*
 * The ring algorithm on its own, over plain memory: writer and readers are threads of one process,
 * so that ThreadSanitizer sees every access that the orderings have to justify.
 */
#include "ipc/ring.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 256
#define SLOTS   8
/* Depths. */
#define LATEST 1
#define QUEUE  UINT32_MAX

static struct ipc_ring ring;
static struct ipc_ring_shape shape;
static void *memory;
static struct ipc_ring_counters counters;
static size_t released;

static void release(struct ipc_seat *seat)
{
    released++;
    free(seat->page);
    free(seat);
}

static void start(void)
{
    ck_assert(ipc_ring_shape(PAYLOAD, SLOTS, &shape));
    memory = aligned_alloc(64, shape.bytes);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, shape.bytes);
    ipc_ring_init(&ring, &shape, memory, SLOTS, "t", "s", 1, &counters, release);
    counters = (struct ipc_ring_counters){0};
    released = 0;
}

static void stop(void)
{
    ipc_ring_reap(&ring);
    free(memory);
}

static struct ipc_seat *sit(struct ipc_reader *reader, uint32_t depth)
{
    struct ipc_seat *seat = calloc(1, sizeof *seat);
    ck_assert_ptr_nonnull(seat);
    seat->page = calloc(1, sizeof *seat->page);
    ck_assert_ptr_nonnull(seat->page);
    atomic_init(&seat->wake_fd, -1);
    ck_assert(ipc_ring_attach(&ring, seat, IPC_SEATS_MAX));
    *reader = (struct ipc_reader){
        .header = ring.header, .shape = shape, .page = seat->page, .depth = depth};
    return seat;
}

static bool publish(uint64_t stamp)
{
    uint64_t *payload = ipc_ring_loan(&ring);
    if (!payload)
        return false;
    for (size_t i = 0; i < PAYLOAD / sizeof stamp; i++)
        payload[i] = stamp;
    ipc_ring_publish(&ring, PAYLOAD, (int64_t)stamp);
    return true;
}

static void check_whole(const struct ipc_sample *sample)
{
    const uint64_t *payload = sample->data;
    for (size_t i = 0; i < PAYLOAD / sizeof *payload; i++)
        ck_assert_uint_eq(payload[i], sample->sequence);
}

START_TEST(shapes_that_would_overflow_are_refused)
{
    struct ipc_ring_shape untouched = {.slot_count = 77};
    ck_assert(!ipc_ring_shape(0, 8, &untouched));
    ck_assert(!ipc_ring_shape(64, 2, &untouched));
    ck_assert(!ipc_ring_shape(64, IPC_SLOTS_MAX + 1, &untouched));
    ck_assert(!ipc_ring_shape(SIZE_MAX, 8, &untouched));
    ck_assert(!ipc_ring_shape(SIZE_MAX - 63, 8, &untouched));
    ck_assert(!ipc_ring_shape(SIZE_MAX / 8, 8, &untouched));
    ck_assert_uint_eq(untouched.slot_count, 77);
    ck_assert(ipc_ring_shape((size_t)64 << 20, 8, &untouched));
    ck_assert_uint_ge(untouched.bytes, (size_t)8 * 64 << 20);
}
END_TEST

START_TEST(a_loan_is_the_same_until_it_is_published)
{
    void *first = ipc_ring_loan(&ring);
    ck_assert_ptr_eq(ipc_ring_loan(&ring), first);
    ipc_ring_publish(&ring, 1, 0);
    ck_assert_ptr_ne(ipc_ring_loan(&ring), first);
}
END_TEST

START_TEST(publishing_without_a_loan_does_nothing)
{
    ipc_ring_publish(&ring, 1, 0);
    ck_assert_uint_eq(atomic_load(&counters.published), 0);
    ck_assert_uint_eq(atomic_load(&ring.header->latest), 0);
}
END_TEST

START_TEST(a_writer_without_a_free_slot_drops_and_recovers)
{
    struct ipc_reader readers[SLOTS - 1];
    struct ipc_seat *seats[SLOTS - 1];
    struct ipc_sample sample;
    /* One more reader than a topic would let in: every slot but the newest is held. */
    for (uint64_t i = 0; i < SLOTS - 1; i++) {
        seats[i] = sit(&readers[i], LATEST);
        ck_assert(publish(i + 1));
        ck_assert_int_eq(ipc_reader_take(&readers[i], &sample), IPC_TAKE_OK);
    }
    ck_assert(publish(SLOTS));
    ck_assert(!publish(SLOTS + 1));
    ck_assert_uint_eq(atomic_load(&counters.dropped), 1);
    ipc_reader_release(&readers[3]);
    ck_assert(publish(SLOTS + 1));
    for (uint64_t i = 0; i < SLOTS - 1; i++)
        ipc_ring_detach(&ring, seats[i]);
    ck_assert_uint_eq(released, SLOTS - 1);
}
END_TEST

START_TEST(nonsense_on_a_page_pins_nothing)
{
    struct ipc_reader reader;
    struct ipc_seat *seat = sit(&reader, LATEST);
    static const uint32_t nonsense[] = {SLOTS + 1, IPC_SLOTS_MAX, IPC_SLOTS_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        atomic_store(&seat->page->held, nonsense[i]);
        atomic_store(&seat->page->wait, nonsense[i]);
        for (uint64_t stamp = 0; stamp < 3 * SLOTS; stamp++)
            ck_assert(publish(stamp));
    }
    ipc_ring_detach(&ring, seat);
}
END_TEST

START_TEST(a_ring_that_lies_is_broken_and_nothing_worse)
{
    struct ipc_reader reader;
    struct ipc_seat *seat = sit(&reader, QUEUE);
    struct ipc_sample sample;
    publish(1);
    struct ipc_ring_slot *slot = (void *)((uint8_t *)memory + shape.header_bytes);

    slot->size = PAYLOAD + 1;
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_BROKEN);
    slot->size = PAYLOAD;
    atomic_store(&ring.header->latest, ipc_entry(5, IPC_SLOTS_MAX - 1));
    memset(&ring.header->index, 0xff, SLOTS * sizeof(uint64_t));
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_BROKEN);
    atomic_store(&ring.header->latest, UINT64_MAX);
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_BROKEN);
    atomic_store(&ring.header->latest, 0);
    atomic_store(&ring.header->state, 9);
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_BROKEN);
    ipc_ring_detach(&ring, seat);
}
END_TEST

START_TEST(a_moved_ring_says_so_after_its_last_sample)
{
    struct ipc_reader reader;
    struct ipc_seat *seat = sit(&reader, QUEUE);
    struct ipc_sample sample;
    publish(1);
    ipc_ring_finish(&ring, IPC_RING_MOVED);
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_OK);
    ck_assert_int_eq(ipc_reader_take(&reader, &sample), IPC_TAKE_MOVED);
    ipc_ring_detach(&ring, seat);
}
END_TEST

/* ---- threads ---- */

static _Atomic int writing;

static void *write_many(void *argument)
{
    uint64_t count = *(uint64_t *)argument;
    for (uint64_t stamp = 1; stamp <= count;) {
        if (publish(stamp))
            stamp++;
        if (stamp % 64 == 0)
            sched_yield();
    }
    atomic_store(&writing, 0);
    return NULL;
}

static void *read_many(void *argument)
{
    struct ipc_reader *reader = argument;
    uint64_t seen = 0, lost = 0, first = 0, last = 0;
    for (;;) {
        struct ipc_sample sample;
        bool over = atomic_load(&writing) == 0;
        if (ipc_reader_take(reader, &sample) != IPC_TAKE_OK) {
            if (over)
                break;
            sched_yield();
            continue;
        }
        check_whole(&sample);
        ck_assert_uint_gt(sample.sequence, last);
        if (seen == 0)
            first = sample.sequence;
        last = sample.sequence;
        seen++;
        lost += sample.lost;
        ipc_reader_release(reader);
    }
    /* Every sample since the first is either seen or counted. */
    ck_assert_uint_eq(seen + lost, last - first + 1);
    return NULL;
}

START_TEST(no_reader_ever_sees_a_torn_or_uncounted_sample)
{
    struct ipc_reader readers[4];
    struct ipc_seat *seats[4];
    pthread_t threads[4], writer;
    uint64_t count = 100000;
    atomic_store(&writing, 1);
    for (size_t i = 0; i < 4; i++) {
        seats[i] = sit(&readers[i], i % 2 ? LATEST : QUEUE);
        pthread_create(&threads[i], NULL, read_many, &readers[i]);
    }
    pthread_create(&writer, NULL, write_many, &count);
    pthread_join(writer, NULL);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ipc_ring_detach(&ring, seats[i]);
    }
    ck_assert_uint_eq(released, 4);
}
END_TEST

START_TEST(seats_come_and_go_while_the_writer_looks_at_them)
{
    pthread_t writer;
    uint64_t count = 100000;
    size_t sat = 0;
    atomic_store(&writing, 1);
    pthread_create(&writer, NULL, write_many, &count);
    while (atomic_load(&writing)) {
        struct ipc_reader readers[6];
        struct ipc_seat *seats[6];
        struct ipc_sample sample;
        for (size_t i = 0; i < 6; i++, sat++) {
            seats[i] = sit(&readers[i], i % 2 ? LATEST : QUEUE);
            if (ipc_reader_take(&readers[i], &sample) == IPC_TAKE_OK)
                check_whole(&sample);
            ipc_reader_arm(&readers[i], IPC_WAIT_FUTEX);
        }
        for (size_t i = 0; i < 6; i++)
            ipc_ring_detach(&ring, seats[i]);
    }
    pthread_join(writer, NULL);
    ipc_ring_reap(&ring);
    ck_assert_uint_eq(released, sat);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tests = tcase_create("ring");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, shapes_that_would_overflow_are_refused);
    tcase_add_test(tests, a_loan_is_the_same_until_it_is_published);
    tcase_add_test(tests, publishing_without_a_loan_does_nothing);
    tcase_add_test(tests, a_writer_without_a_free_slot_drops_and_recovers);
    tcase_add_test(tests, nonsense_on_a_page_pins_nothing);
    tcase_add_test(tests, a_ring_that_lies_is_broken_and_nothing_worse);
    tcase_add_test(tests, a_moved_ring_says_so_after_its_last_sample);
    tcase_add_test(tests, no_reader_ever_sees_a_torn_or_uncounted_sample);
    tcase_add_test(tests, seats_come_and_go_while_the_writer_looks_at_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
