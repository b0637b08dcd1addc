/*
 * The control protocol's state machine: the input is a conversation, one byte of length before each
 * packet, held with one session at a time. Topics, seats and descriptors are real. Whatever is
 * said, each packet gets one well-formed reply, and all descriptors and seats are given back.
 *
 * Build with the preset "fuzz"; run: fuzz_control -dict=tests/fuzz/control.dict
 */
#include "ipc/session.h"

#include "ipc/control.pb-c.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ipc_catalogue catalogue;
static struct ipc_account account = {.uid = 1000};
static struct ipc_peer peer = {.uid = 1000, .pidfd = -1};

static char *answer(void *context, const char *what)
{
    (void)context;
    return strcmp(what, "status") == 0 ? strdup("{}") : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const names[] = {"hands", "frames"};
    (void)argc;
    (void)argv;
    catalogue.query = answer;
    for (size_t i = 0; i < 2; i++) {
        struct ipc_topic_options options = {.name = names[i], .schema = "s/1", .max_bytes = 64};
        if (ipc_topic_create(&options, &catalogue.topics[i], NULL) != PERCEPT_OK)
            abort();
        catalogue.topic_count++;
    }
    return 0;
}

static void check_reply(struct ipc_packet *packet)
{
    Percept__Control__Reply *reply =
        percept__control__reply__unpack(NULL, packet->size, packet->bytes);
    if (!reply || reply->body_case == PERCEPT__CONTROL__REPLY__BODY__NOT_SET)
        abort();
    unsigned descriptors = packet->fd_count;
    switch (reply->body_case) {
    case PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED:
        if (reply->subscribed->subscription == 0 || descriptors < 2 || descriptors > 3)
            abort();
        break;
    case PERCEPT__CONTROL__REPLY__BODY_RESULT:
        if (descriptors != 1)
            abort();
        break;
    case PERCEPT__CONTROL__REPLY__BODY_DONE:
        if (descriptors > 1)
            abort();
        break;
    default:
        if (descriptors != 0)
            abort();
        break;
    }
    percept__control__reply__free_unpacked(reply, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ipc_session session;
    struct ipc_packet reply = {.fd_count = 0};
    ipc_session_init(&session, &catalogue, &peer, &account);
    while (size > 0) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        bool goes_on = ipc_session_handle(&session, data + 1, length, &reply);
        check_reply(&reply);
        ipc_packet_reset(&reply);
        data += 1 + length;
        size -= 1 + length;
        if (ipc_topic_loan(catalogue.topics[0]))
            ipc_topic_publish(catalogue.topics[0], 64, 0);
        if (!goes_on) {
            ipc_session_finish(&session);
            ipc_session_init(&session, &catalogue, &peer, &account);
        }
    }
    ipc_session_finish(&session);
    for (size_t i = 0; i < catalogue.topic_count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(catalogue.topics[i], &stats);
        if (stats.subscribers != 0 || stats.dropped != 0)
            abort();
    }
    return 0;
}
