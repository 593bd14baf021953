/*
 * Wake-ups of long-polls. A watch listens on keys (rooms and users); news on any of them wakes it once.
 *
 * Register the watch first, then read, then park: news that came in between is not lost, since wake() is
 * called whenever the watch stands. Any thread. wake() runs under the notifier's lock: it must be short and must not
 * call the notifier.
 */
#ifndef EXEUNT_CORE_SYNC_NOTIFIER_H
#define EXEUNT_CORE_SYNC_NOTIFIER_H

#include "base/lock.h"
#include "base/map.h"

struct notifier;
struct watch;

MUST_CHECK enum rc notifier_new(struct notifier **ret_notifier);
void notifier_free(struct notifier *notifier);

/* `wake(self)` is not called any more once watch_free() has returned. Listens on the user and on each room. */
MUST_CHECK enum rc watch_new(struct notifier *notifier, int64_t user, const int64_t *rooms, size_t count,
                             void (*wake)(void *self), void *self, struct watch **ret_watch);
void watch_free(struct watch *watch);

void notify_all(struct notifier *notifier);
void notify_room(struct notifier *notifier, int64_t room);
void notify_user(struct notifier *notifier, int64_t user);

#endif
