/*
 * What a handler gets and how it answers. Dispatch has done routing, limits, authentication, rate limit and the body;
 * a handler reads parameters, checks, calls `core`, answers: at most 40 lines, no SQL, no locks.
 *
 * A handler returns RC_OK after it has answered (api_answer, api_hold, api_park), or a failing rc, which dispatch turns into the
 * standard error body with `rq->fail`. It may be run again after a park; `rq->runs` says so.
 */
#ifndef EXEUNT_API_REQUEST_H
#define EXEUNT_API_REQUEST_H

#include "codec/json.h"
#include "core/account/accounts.h"
#include "core/account/turn.h"
#include "core/deactivation/deactivation.h"
#include "core/delayed/delayed.h"
#include "core/keys/keys.h"
#include "core/room/room.h"
#include "core/sync/sync.h"
#include "net/http_server.h"

enum { PATH_PARAMS_MAX = 6 };

/* For .well-known/matrix/support; all empty: not served. */
struct support {
	str matrix_id, email_address, page;
};

/* The houses' inhabitants that handlers may call; made and wired by `daemon`, never changed while serving. */
struct api_context {
	struct accounts *accounts;
	struct keys *keys;
	struct rooms *rooms;
	struct syncs *syncs;
	struct push *push;
	struct deactivations *deactivations;
	struct delayed *delayed;
	struct notifier *notifier;
	struct cluster *cluster;         /* NULL: there is one process */
	struct link *link;               /* to the other processes, with a cluster */
	struct store *store;             /* only to hand it to core's reading verbs */
	const struct clock *clock;
	const struct rng *rng;
	str server_name;
	str public_base_url;             /* for .well-known; empty: not served */
	str default_room_version;
	struct support support;
	struct turn_config turn;
	bool marker_advertised;
};

struct api_request {
	struct http_request *http;
	const struct api_context *ctx;
	struct arena *arena;             /* request lifetime */
	const struct endpoint *endpoint;
	str path_params[PATH_PARAMS_MAX]; /* decoded, in the order of the path */
	size_t path_param_count;
	json body;                       /* parsed; NULL when the endpoint has none */
	bool has_session;
	struct session session;          /* with AUTH_REQUIRED (and AUTH_OPTIONAL when given) */
	struct actor actor;              /* the same, for core/room */
	struct fail fail;
	void *state;                     /* the handler's own, kept over parks; in the arena */
	void (*on_end)(struct api_request *rq); /* set by a handler that holds something (a watch) */
	unsigned runs;                   /* 1 on the first run; more after parks */
};

typedef enum rc api_handler(struct api_request *rq);

/* Query parameter, decoded; empty slice with NULL pointer when absent. RC_INVALID_PARAM: broken escapes. */
MUST_CHECK enum rc api_query(struct api_request *rq, str name, str *ret_value);
/* Integer query parameter within [min, max]; `otherwise` when absent; RC_INVALID_PARAM with a sentence. */
MUST_CHECK enum rc api_query_integer(struct api_request *rq, str name, int64_t min, int64_t max, int64_t otherwise,
                                     int64_t *ret_value);
MUST_CHECK enum rc api_query_bool(struct api_request *rq, str name, bool otherwise, bool *ret_value);

/*
 * 200 (or another status) with a JSON body that lives in the arena (or is static). Exactly one answer a request. After
 * api_hold() from any thread, even before the handler has returned; the request must not be touched afterwards.
 */
enum rc api_answer(struct api_request *rq, int status, str body);
enum rc api_answer_empty_object(struct api_request *rq);
/* The text of a builder as a 200; the builder's failure is returned instead. */
enum rc api_answer_buf(struct api_request *rq, const struct buf *body);
/* The standard error of `rc` with rq->fail; for handlers that were held. */
void api_answer_failure(struct api_request *rq, enum rc rc);

/*
 * Both give RC_OK, to be returned. api_hold(): some other thread will answer; called before the request is handed
 * over. api_park(): the handler is run again after http_wake(rq->http) or at the deadline.
 */
enum rc api_hold(struct api_request *rq);
enum rc api_park(struct api_request *rq, int64_t deadline_mono_ms);

/* The user in this path parameter must be the session's: RC_INVALID_PARAM (no user ID), RC_FORBIDDEN (somebody else). */
MUST_CHECK enum rc api_own_user(struct api_request *rq, str user_id);

/* A body read through a field table. */
enum field_kind { FIELD_TEXT, FIELD_BOOL, FIELD_INTEGER, FIELD_OBJECT, FIELD_ARRAY, FIELD_ANY };
struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	int64_t min, max;   /* of an integer; of a text: bytes (max 0: no limit) */
	size_t offset;      /* into the struct: str, bool, int64_t or json */
};
/* RC_BAD_JSON (wrong type), RC_MISSING_PARAM, RC_INVALID_PARAM (range), each naming the field. null counts as absent when not required. */
MUST_CHECK enum rc api_read_body(struct api_request *rq, const struct field *fields, size_t count, void *ret_struct);
/* The same from an object in the body. */
MUST_CHECK enum rc api_read_object(struct api_request *rq, json object, const struct field *fields, size_t count,
                                   void *ret_struct);

#endif
