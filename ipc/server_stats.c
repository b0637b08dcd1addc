/* Why: what people and the indicator want to know of clients, apart from serving them. */
#include "ipc/server_private.h"

/* What it holds is the client's word; where that is in the ring is ours. Slots that are not in use
 * have no memory, and to look at one would take some. */
static uint64_t lag_of(const struct ipc_subscription *subscription)
{
    const struct ipc_ring *ring = &subscription->ring->ring;
    uint32_t held = atomic_load_explicit(&subscription->seat->page->held, memory_order_relaxed);
    if (held == 0 || held > atomic_load_explicit(&ring->active, memory_order_relaxed))
        return 0;
    const struct ipc_ring_slot *slot =
        (const void *)((const char *)ring->header + ring->shape.header_bytes +
                       (size_t)(held - 1) * ring->shape.slot_stride);
    uint64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    uint64_t newest =
        ipc_entry_sequence(atomic_load_explicit(&ring->header->latest, memory_order_relaxed));
    return sequence && newest > sequence ? newest - sequence : 0;
}

size_t ipc_server_clients(const struct ipc_server *server, struct ipc_client_stats *stats,
                          size_t capacity)
{
    size_t count = 0;
    for (const struct client *client = server->clients; client; client = client->next, count++) {
        if (count >= capacity)
            continue;
        struct ipc_client_stats *row = &stats[count];
        *row = (struct ipc_client_stats){
            .id = client->id, .pid = client->peer.pid, .uid = client->peer.uid};
        for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
            const struct ipc_subscription *subscription = &client->session.subscriptions[i];
            if (!subscription->seat)
                continue;
            row->subscriptions++;
            uint64_t lag = lag_of(subscription);
            row->lag = lag > row->lag ? lag : row->lag;
            row->lost +=
                atomic_load_explicit(&subscription->seat->page->lost, memory_order_relaxed);
        }
    }
    return count;
}

size_t ipc_server_subscribers(const struct ipc_server *server, struct ipc_subscriber *rows,
                              size_t capacity)
{
    size_t count = 0;
    for (const struct client *client = server->clients; client; client = client->next)
        for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
            const struct ipc_subscription *subscription = &client->session.subscriptions[i];
            if (!subscription->seat || subscription->revoked)
                continue;
            if (count < capacity)
                rows[count] =
                    (struct ipc_subscriber){.topic = subscription->topic, .peer = &client->peer};
            count++;
        }
    return count;
}

size_t ipc_server_users(const struct ipc_server *server, struct ipc_user_stats *stats,
                        size_t capacity)
{
    size_t count = 0;
    for (const struct ipc_account *account = server->accounts; account; account = account->next) {
        if (account->connections == 0)
            continue;
        struct ipc_user_stats row = {.uid = account->uid,
                                     .connections = account->connections,
                                     .subscriptions = account->subscriptions,
                                     .pushes = account->pushes,
                                     .queued_bytes = account->queued_bytes,
                                     .requests = account->requests,
                                     .waits = account->waits,
                                     .refusals = account->refusals};
        for (const struct client *client = server->clients; client; client = client->next)
            for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
                const struct ipc_seat *seat = client->session.subscriptions[i].seat;
                if (seat && client->session.account == account)
                    row.held += atomic_load_explicit(&seat->page->held, memory_order_relaxed) != 0;
            }
        if (count < capacity)
            stats[count] = row;
        count++;
    }
    return count;
}
