/*
 * What programs that are built already believe of libpercept: test_install.sh compiles this with
 * the headers that are installed. A line that fails is a change that needs another major version.
 * (Functions: abi.txt. Payloads: ipc/topics.h, where a change of layout is another schema.)
 */
#include <ipc/percept.h>

#include <stddef.h>

#define SIZE(type, bytes)       static_assert(sizeof(type) == (bytes), #type)
#define AT(type, member, bytes) static_assert(offsetof(type, member) == (bytes), #type "." #member)

SIZE(struct percept_error, 780);
AT(struct percept_error, status, 0);
AT(struct percept_error, line, 4);
AT(struct percept_error, column, 8);
AT(struct percept_error, file, 12);
AT(struct percept_error, message, 268);

SIZE(struct percept_sample, 64);
AT(struct percept_sample, data, 0);
AT(struct percept_sample, size, 8);
AT(struct percept_sample, sequence, 16);
AT(struct percept_sample, capture_ns, 24);
AT(struct percept_sample, publish_ns, 32);
AT(struct percept_sample, lost, 40);
AT(struct percept_sample, reserved, 48);

SIZE(struct percept_subscribe_options, 48);
AT(struct percept_subscribe_options, reading, 0);
AT(struct percept_subscribe_options, schema, 8);
AT(struct percept_subscribe_options, depth, 16);
AT(struct percept_subscribe_options, spin_us, 20);
AT(struct percept_subscribe_options, reserved, 24);

SIZE(struct percept_grant, 64);
AT(struct percept_grant, what, 0);
AT(struct percept_grant, uid, 8);
AT(struct percept_grant, executable, 16);
AT(struct percept_grant, seconds, 24);
AT(struct percept_grant, reserved, 32);

SIZE(struct percept_history, 88);
AT(struct percept_history, topic, 0);
AT(struct percept_history, search, 8);
AT(struct percept_history, from_ns, 16);
AT(struct percept_history, to_ns, 24);
AT(struct percept_history, after, 32);
AT(struct percept_history, before, 40);
AT(struct percept_history, limit, 48);
AT(struct percept_history, newest, 52);
AT(struct percept_history, reserved, 56);

SIZE(struct percept_sound, 48);
AT(struct percept_sound, rate, 0);
AT(struct percept_sound, channels, 4);
AT(struct percept_sound, dtype, 8);
AT(struct percept_sound, reserved_32, 12);
AT(struct percept_sound, reserved, 16);

static_assert(PERCEPT_READ_LATEST == 0 && PERCEPT_READ_QUEUE == 1, "enum percept_reading");
static_assert(PERCEPT_OK == 0 && PERCEPT_INVALID == -1 && PERCEPT_NO_MEMORY == -2 &&
                  PERCEPT_IO == -3 && PERCEPT_NOT_FOUND == -4 && PERCEPT_UNSUPPORTED == -5 &&
                  PERCEPT_MALFORMED == -6 && PERCEPT_LIMIT == -7 && PERCEPT_BUSY == -8 &&
                  PERCEPT_TIMED_OUT == -9 && PERCEPT_PERMISSION == -10 &&
                  PERCEPT_DISCONNECTED == -11 && PERCEPT_EXISTS == -12 && PERCEPT_VERSION == -13 &&
                  PERCEPT_CANCELLED == -14 && PERCEPT_END == -15 && PERCEPT_INTERNAL == -16,
              "enum percept_status");

/* Signatures. */
enum percept_status (*const connect_fn)(const char *, struct percept_client **,
                                        struct percept_error *) = percept_connect;
void (*const disconnect_fn)(struct percept_client *) = percept_disconnect;
void (*const on_connection_fn)(struct percept_client *, void (*)(void *, int),
                               void *) = percept_on_connection;
void (*const on_ended_fn)(struct percept_client *,
                          void (*)(void *, struct percept_subscription *,
                                   const struct percept_error *),
                          void *) = percept_on_ended;
enum percept_status (*const subscribe_fn)(struct percept_client *, const char *,
                                          const struct percept_subscribe_options *,
                                          struct percept_subscription **,
                                          struct percept_error *) = percept_subscribe;
void (*const unsubscribe_fn)(struct percept_subscription *) = percept_unsubscribe;
enum percept_status (*const next_fn)(struct percept_subscription *, int64_t,
                                     struct percept_sample *,
                                     struct percept_error *) = percept_next;
void (*const release_fn)(struct percept_subscription *) = percept_release;
struct percept_memory *(*const memory_keep_fn)(struct percept_subscription *, const void **,
                                               size_t *) = percept_memory_keep;
void (*const memory_release_fn)(struct percept_memory *) = percept_memory_release;
int (*const subscription_fd_fn)(struct percept_subscription *) = percept_subscription_fd;
enum percept_status (*const grant_fn)(struct percept_client *, const struct percept_grant *,
                                      struct percept_error *) = percept_grant;
enum percept_status (*const revoke_fn)(struct percept_client *, const struct percept_grant *,
                                       struct percept_error *) = percept_revoke;
enum percept_status (*const history_fn)(struct percept_client *, const struct percept_history *,
                                        char **, struct percept_error *) = percept_history;
enum percept_status (*const forget_fn)(struct percept_client *, uint64_t, uint64_t *,
                                       struct percept_error *) = percept_forget;
enum percept_status (*const query_fn)(struct percept_client *, const char *, char **,
                                      struct percept_error *) = percept_query;
const char *(*const status_text_fn)(enum percept_status) = percept_status_text;
const char *(*const status_name_fn)(enum percept_status) = percept_status_name;
char *(*const error_format_fn)(const struct percept_error *, char *,
                               unsigned long) = percept_error_format;

int main(void)
{
    return 0;
}
