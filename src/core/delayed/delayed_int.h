/* What the files of delayed events share. */
#ifndef EXEUNT_CORE_DELAYED_DELAYED_INT_H
#define EXEUNT_CORE_DELAYED_DELAYED_INT_H

#include "base/lock.h"
#include "core/delayed/delayed.h"
#include "store/delayed_events.h"

struct delayed {
	struct delayed_config config;
	struct lock mu;
	struct cond changed;
	bool woken GUARDED_BY(mu);
	bool stopping GUARDED_BY(mu);
	bool running; /* the thread was started; start and stop only */
	thread runner;
	struct arena batch_arena; /* the runner's */
};

/* An event on its way into its room, and the end of its row in the same transaction. */
struct delayed_sending {
	struct room_send send;
	struct delayed *delayed;
	const struct delayed_event *event;
	bool whenever; /* also when it is due at another time by now; set after sending_init() */
	struct arena arena; /* of the one who serves the room */
	struct fail fail;
	enum rc rc; /* RC_OVER: the row has ended meanwhile, or is due at another time */
};
void sending_init(
    struct delayed_sending *sending, struct delayed *delayed, const struct delayed_event *event);
void sending_release(struct delayed_sending *sending); /* after its end */

#endif
