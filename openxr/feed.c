/*
 * Why a thread: libpercept may take a system call or two to reconnect, and belongs to one thread at
 * a time; apps ask from whichever thread they like, and have a frame to finish.
 */
#include "openxr/feed.h"

#include "openxr/feed_source.h"

#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_NS      (500 * BASE_NS_PER_MS)
#define RETRY_NS_MOST (4 * BASE_NS_PER_S) /* of what is refused, which the daemon records */

static const struct feed_source *const sources[FEED_TOPICS] = {
    [FEED_HANDS] = &feed_hands,
    [FEED_DEPTH] = &feed_depth,
    [FEED_PLANES] = &feed_planes,
    [FEED_TEXT] = &feed_text,
    [FEED_TEXT_SELECTED] = &feed_text_selected,
    [FEED_CAPTIONS] = &feed_captions,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what is below */
static struct {
    unsigned holders;
    int64_t read_till; /* read on till then though nobody holds it */
} topics[FEED_TOPICS];
static bool running; /* the thread is there, and will look at topics before it ends */
static int wake_fd = -1;

/* ---- the thread ---- */

/* Its own alone. */
struct following {
    struct percept_subscription *subscription; /* NULL: none */
    int fd;
};

/* Also the thread's; over connections, for a refusal does not end with one. */
static struct {
    int64_t pause_ns; /* 0: it was not refused */
    int64_t retry_ns; /* when to subscribe again, if it is not subscribed to */
} tries[FEED_TOPICS];

static void try_later(size_t topic, enum percept_status why)
{
    int64_t pause = why == PERCEPT_PERMISSION ? 2 * tries[topic].pause_ns : 0;
    pause = pause < RETRY_NS ? RETRY_NS : pause > RETRY_NS_MOST ? RETRY_NS_MOST : pause;
    tries[topic].pause_ns = why == PERCEPT_PERMISSION ? pause : 0;
    tries[topic].retry_ns = base_clock_ns() + pause;
}

static int64_t next_try(unsigned wanted_topics)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < FEED_TOPICS; i++)
        if (wanted_topics & (1u << i) && tries[i].retry_ns < next)
            next = tries[i].retry_ns;
    return next;
}

/* Which topics are to be read now, bits, and until when nothing changes by itself. Under the
 * lock.
 */
static unsigned wanted(int64_t now, int64_t *till)
{
    unsigned all = 0;
    for (size_t i = 0; i < FEED_TOPICS; i++)
        if (topics[i].holders > 0 || now < topics[i].read_till) {
            all |= 1u << i;
            if (topics[i].holders == 0 && topics[i].read_till < *till)
                *till = topics[i].read_till;
        }
    return all;
}

static unsigned wanted_now(int64_t *till)
{
    pthread_mutex_lock(&lock);
    unsigned all = wanted(base_clock_ns(), till);
    pthread_mutex_unlock(&lock);
    return all;
}

/* Until something is to be read, somebody holds or lets go of a topic, or it is time. */
static void sleep_till(const struct following following[], int64_t till)
{
    struct pollfd wait[1 + FEED_TOPICS] = {{.fd = wake_fd, .events = POLLIN}};
    nfds_t count = 1;
    for (size_t i = 0; following && i < FEED_TOPICS; i++)
        if (following[i].subscription)
            wait[count++] = (struct pollfd){.fd = following[i].fd, .events = POLLIN};
    int timeout_ms = -1;
    if (till != INT64_MAX) {
        int64_t left = till - base_clock_ns();
        timeout_ms = left > 0 ? (int)(left / BASE_NS_PER_MS) + 1 : 0;
    }
    eventfd_t woken;
    if (poll(wait, count, timeout_ms) > 0 && wait[0].revents)
        eventfd_read(wake_fd, &woken);
}

static void leave(struct following *following, size_t topic)
{
    if (!following->subscription)
        return;
    percept_unsubscribe(following->subscription);
    following->subscription = NULL;
    tries[topic].retry_ns = 0;
    sources[topic]->end();
}

static void join(struct following *following, size_t topic, struct percept_client *client)
{
    const struct feed_source *source = sources[topic];
    const struct percept_subscribe_options options = {.reading = PERCEPT_READ_LATEST,
                                                      .schema = source->schema};
    enum percept_status status =
        percept_subscribe(client, source->topic, &options, &following->subscription, NULL);
    try_later(topic, status);
    if (status != PERCEPT_OK) {
        following->subscription = NULL;
        return;
    }
    following->fd = percept_subscription_fd(following->subscription);
    if (following->fd < 0) {
        percept_unsubscribe(following->subscription);
        following->subscription = NULL;
    } else if (source->begin) {
        source->begin();
    }
}

/* Read one sample if there is one; true: there may be another. */
static bool read_one(struct following *following, size_t topic)
{
    struct percept_sample sample;
    enum percept_status status = percept_next(following->subscription, 0, &sample, NULL);
    if (status == PERCEPT_OK) {
        sources[topic]->take(&sample);
        return true;
    }
    if (status != PERCEPT_TIMED_OUT) { /* refused, ended, broken: it by itself */
        leave(following, topic);
        try_later(topic, status);
    }
    return false;
}

/* libpercept finds a daemon that has gone again by itself; what it published means nothing
 * meanwhile. */
static void on_connection(void *context, int connected)
{
    struct following *following = context;
    for (size_t i = 0; i < FEED_TOPICS; i++) {
        if (!following[i].subscription)
            continue;
        if (!connected)
            sources[i]->end();
        else if (sources[i]->begin)
            sources[i]->begin();
    }
}

/* For as long as the connection is of use. */
static void follow(struct percept_client *client)
{
    struct following following[FEED_TOPICS] = {{0}};
    percept_on_connection(client, on_connection, following);
    for (bool of_use = true; of_use;) {
        int64_t till = INT64_MAX;
        unsigned all = wanted_now(&till);
        bool more = false;
        of_use = false;
        for (size_t i = 0; i < FEED_TOPICS; i++) {
            struct following *one = &following[i];
            if (!(all & (1u << i)))
                leave(one, i);
            else if (!one->subscription && base_clock_ns() >= tries[i].retry_ns)
                join(one, i, client);
            if (one->subscription && read_one(one, i))
                more = true;
            if (one->subscription)
                of_use = true;
            else if ((all & (1u << i)) && tries[i].retry_ns < till)
                till = tries[i].retry_ns;
        }
        if (of_use && !more)
            sleep_till(following, till);
    }
    percept_on_connection(client, NULL, NULL);
}

static bool goes_on(void)
{
    int64_t till = INT64_MAX;
    pthread_mutex_lock(&lock);
    running = wanted(base_clock_ns(), &till) != 0;
    if (!running) {
        close(wake_fd);
        wake_fd = -1;
    }
    bool is = running;
    pthread_mutex_unlock(&lock);
    return is;
}

static void *run(void *unused)
{
    while (goes_on()) {
        struct percept_client *client = NULL;
        if (percept_connect(NULL, &client, NULL) == PERCEPT_OK)
            follow(client);
        percept_disconnect(client);
        int64_t till = INT64_MAX, again = base_clock_ns() + RETRY_NS;
        unsigned all = wanted_now(&till);
        int64_t next = next_try(all);
        next = next > again ? next : again;
        if (all)
            sleep_till(NULL, next < till ? next : till);
    }
    return unused;
}

/* Detached, for nobody should wait for it, and with all signals blocked: they are the app's.
 */
static bool start(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0 || pthread_attr_init(&attributes) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    wake_fd = fd;
    sigfillset(&all);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    running = pthread_create(&thread, &attributes, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!running) {
        close(fd);
        wake_fd = -1;
    }
    return running;
}

/* Under the lock; topics have been changed before. */
static bool see_to_it(bool news)
{
    if (!running)
        return start();
    if (news)
        eventfd_write(wake_fd, 1);
    return true;
}

bool feed_hold(enum feed_topic topic)
{
    pthread_mutex_lock(&lock);
    bool held = see_to_it(topics[topic].holders++ == 0);
    if (!held)
        topics[topic].holders--;
    pthread_mutex_unlock(&lock);
    return held;
}

void feed_release(enum feed_topic topic)
{
    pthread_mutex_lock(&lock);
    if (--topics[topic].holders == 0) {
        topics[topic].read_till = base_clock_ns() + sources[topic]->linger_ns;
        eventfd_write(wake_fd, 1);
    }
    pthread_mutex_unlock(&lock);
}

bool feed_want(enum feed_topic topic)
{
    int64_t now = base_clock_ns();
    pthread_mutex_lock(&lock);
    bool news = topics[topic].holders == 0 && topics[topic].read_till <= now;
    topics[topic].read_till = now + sources[topic]->linger_ns;
    bool read = see_to_it(news);
    pthread_mutex_unlock(&lock);
    return read;
}
