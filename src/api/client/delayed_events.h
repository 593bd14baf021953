/* What other handlers of sending need: an event that is to be sent later. */
#ifndef EXEUNT_API_CLIENT_DELAYED_EVENTS_H
#define EXEUNT_API_CLIENT_DELAYED_EVENTS_H

#include "api/request.h"

/* Schedules it and answers with its delay ID. */
enum rc delayed_event_answer(struct api_request *rq, const struct delay_wish *wish);

#endif
